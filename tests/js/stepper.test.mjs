// The steps of assets/stepper.js: known by hand, and by the slope of the loss itself. That they are
// the engine's is held by tests/test_anatomy.py.

import assert from "node:assert/strict";
import { readFile, writeFile, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { pathToFileURL } from "node:url";

// As in the browser: the common part in place of its import.
const assets = new URL("../../assets/", import.meta.url);
const common = await readFile(new URL("common.js", assets), "utf-8");
const own = await readFile(new URL("stepper.js", assets), "utf-8");
const file = join(await mkdtemp(join(tmpdir(), "stepper-")), "stepper.mjs");
await writeFile(file, own.replace(/^import \{[^}]*\} from "\.\/common\.js";\n/m, () => common));
const { atRest, descend, lossOf, mostApart, pulls, shiftedTeacher, ticksOf, twoFactors, written } =
  await import(pathToFileURL(file).href);

const teacher = [0, 1, 2, 8, -2, 4, 0, 1, 5, 2];
const student = [1, 0, -1, 2, 0.5, 3, 0, -2, 1, 0];
const example = { student, teacher, label: 3 };
const blank = { ...example, student: Array(10).fill(0) };
const every = [
  { temperature: 1, alpha: 0.3, rate: 0.5 }, { temperature: 4, alpha: 0, rate: 2 },
  { temperature: 20, alpha: 1, rate: 1 }, { temperature: 0.5, alpha: 0.6, rate: 0.1 },
];
const near = (a, b, tolerance = 1e-9) =>
  assert.ok(Math.abs(a - b) < tolerance, `${a} is not ${b}`);

test("a student that knows nothing is pulled up on the label by 0.9 and down elsewhere by 0.1", () => {
  const { hard, soft, total } = pulls(blank, { temperature: 4, alpha: 1, rate: 1 });
  hard.forEach((pull, c) => near(pull, c === 3 ? 0.9 : -0.1));
  assert.ok(soft.every((pull) => Math.abs(pull) === 0));
  assert.deepEqual(total, hard);
  near(lossOf(blank, { temperature: 4, alpha: 1, rate: 1 }).total, Math.log(10));
});

test("the sum of the pulls is the slope of the loss, turned around", () => {
  for (const settings of every) pulls(example, settings).total.forEach((pull, c) => {
    const moved = (by) =>
      lossOf({ ...example, student: student.map((z, i) => (i === c ? z + by : z)) }, settings).total;
    near(pull, (moved(-1e-5) - moved(1e-5)) / 2e-5, 1e-7);
  });
});

test("without the factor the soft pull is divided by T², and is still the slope of its loss", () => {
  for (const settings of every) {
    const plain = { ...settings, squared: false };
    const without = pulls(example, plain), { soft } = pulls(example, settings);
    without.soft.forEach((pull, c) => near(pull * settings.temperature ** 2, soft[c]));
    without.total.forEach((pull, c) => {
      const moved = (by) =>
        lossOf({ ...example, student: student.map((z, i) => (i === c ? z + by : z)) }, plain).total;
      near(pull, (moved(-1e-5) - moved(1e-5)) / 2e-5, 1e-7);
    });
  }
});

test("what is said of the two factors is the soft pull at α = 0, without T² and with it", () => {
  for (const temperature of [0.5, 1, 4, 20]) {
    const settings = { temperature, alpha: 0, rate: 1 };
    for (const at of [3, 5]) {
      const said = twoFactors(example, temperature, at);
      near(said.squared, pulls(example, settings).soft[at]);
      near(said.plain, pulls(example, { ...settings, squared: false }).soft[at]);
      near(said.plain, said.softened / temperature);
    }
  }
  assert.equal(mostApart(example), 3);
  assert.equal(mostApart({ ...example, student: teacher.map((z, c) => (c === 8 ? 9 : z)) }), 8);
  const { first, softened } = twoFactors(blank, 1, 3);
  near(first, softened);
});

test("a step goes downhill, and leaves the mean of the logits and the one before as they are", () => {
  for (const settings of every) {
    const after = descend(example, settings);
    assert.ok(lossOf(after, settings).total < lossOf(example, settings).total);
    near(after.student.reduce((a, b) => a + b), student.reduce((a, b) => a + b));
    assert.deepEqual(example.student, student);
  }
});

test("who says what the teacher says is not pulled, and rests", () => {
  const settings = { temperature: 4, alpha: 0, rate: 4 };
  const twin = { ...example, student: teacher.map((z) => z + 5) };
  assert.ok(atRest(twin, settings, 1e-9));
  assert.ok(!atRest(example, settings, 0.002));
  shiftedTeacher(twin).forEach((z, c) => near(z, twin.student[c]));
});

test("logits whose exponential no number can hold step all the same", () => {
  const far = { student: [50, ...Array(9).fill(-50)], teacher: [...Array(9).fill(-50), 50], label: 9 };
  const settings = { temperature: 0.5, alpha: 0.5, rate: 1 };
  assert.ok(Number.isFinite(lossOf(far, settings).total));
  assert.ok(descend(far, settings).student.every(Number.isFinite));
});

test("an axis has few round numbers, holds its range, and does not end far beyond", () => {
  assert.deepEqual(ticksOf([-0.52, 1.6], 4), [-1, 0, 1, 2]);
  assert.deepEqual(ticksOf([0, 0.4], 4), [0, 0.1, 0.2, 0.3, 0.4]);
  for (const range of [[-3, 8], [-0.01, 0.02], [-50, 50], [0, 1e-6]]) {
    const ticks = ticksOf(range, 4), step = ticks[1] - ticks[0];
    assert.ok(ticks[0] <= range[0] && ticks.at(-1) >= range[1] && ticks.length <= 7);
    assert.ok(range[0] - ticks[0] < step && ticks.at(-1) - range[1] < step);
  }
});

test("what rounds to zero has no sign", () => {
  assert.deepEqual([-0.0004, -0.0006, 1.25, -0].map((v) => written(v, 3)), ["0.000", "−0.001", "1.250", "0.000"]);
});
