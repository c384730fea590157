// The divergences of assets/humps.js at places where they are known by hand.

import assert from "node:assert/strict";
import { readFile, writeFile, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { pathToFileURL } from "node:url";

// As in the browser: the common part in place of its import.
const assets = new URL("../../assets/", import.meta.url);
const common = await readFile(new URL("common.js", assets), "utf-8");
const own = await readFile(new URL("humps.js", assets), "utf-8");
const file = join(await mkdtemp(join(tmpdir(), "humps-")), "humps.mjs");
await writeFile(file, own.replace(/^import \{[^}]*\} from "\.\/common\.js";\n/m, () => common));
const { divergence, logGaussian, logHumps } = await import(pathToFileURL(file).href);

const places = Array.from({ length: 241 }, (_, i) => -12 + 0.1 * i);
const teacher = logHumps(places, 4);
const student = logGaussian(places, 1, 1.5);
const near = (a, b) => assert.ok(Math.abs(a - b) < 1e-9, `${a} is not ${b}`);

test("without a distance both humps are one Gaussian, and every divergence is zero", () => {
  const one = logHumps(places, 0), same = logGaussian(places, 0, 1);
  for (const measure of ["forward", "reverse", "jsd", "skewed", "skewed-reverse"]) {
    near(divergence(measure, 0.3, one, same), 0);
  }
});

test("the KL of two Gaussians is ln(σ2/σ1) + (σ1² + (μ1 − μ2)²)/(2σ2²) − ½", () => {
  const expected = Math.log(1.5) + (1 + 1) / (2 * 1.5 ** 2) - 0.5;
  assert.ok(Math.abs(divergence("forward", 0, logGaussian(places, 0, 1), student) - expected) < 1e-6);
});

test("the generalised JSD is forward KL at 0, reverse KL at 1, and tends to 0 beside both", () => {
  near(divergence("jsd", 0, teacher, student), divergence("forward", 0, teacher, student));
  near(divergence("jsd", 1, teacher, student), divergence("reverse", 0, teacher, student));
  assert.ok(divergence("jsd", 1e-4, teacher, student) < 1e-3);
  assert.ok(divergence("jsd", 1 - 1e-4, teacher, student) < 1e-3);
});

test("a skew of 0 is the plain KL, and a larger one is less", () => {
  near(divergence("skewed", 0, teacher, student), divergence("forward", 0, teacher, student));
  near(divergence("skewed-reverse", 0, teacher, student), divergence("reverse", 0, teacher, student));
  assert.ok(divergence("skewed", 0.1, teacher, student) < divergence("forward", 0, teacher, student));
});
