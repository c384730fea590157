// Soft labels and their entropy.

import assert from "node:assert/strict";
import test from "node:test";

import { entropy, percent, softLabels } from "./common.mjs";

const near = (a, b, tolerance = 1e-12) => assert.ok(Math.abs(a - b) <= tolerance, `${a} is not ${b}`);

test("soft labels have their known values", () => {
  // exp(1/T) : exp(0) at T = 1 / ln 3 is 3 : 1
  const [first, second] = softLabels([1, 0], 1 / Math.log(3));
  near(first, 0.75);
  near(second, 0.25);
});

test("soft labels add up to one at any temperature", () => {
  for (const temperature of [0.05, 1, 4, 1000]) {
    near(softLabels([3, -2, 0.5, 7], temperature).reduce((a, b) => a + b), 1);
  }
});

test("a number added to all logits changes nothing", () => {
  const [shifted, plain] = [softLabels([103, 98, 100.5], 2), softLabels([3, -2, 0.5], 2)];
  plain.forEach((p, i) => near(p, shifted[i]));
});

test("logits whose exponential no number can hold are softened all the same", () => {
  assert.deepEqual(softLabels([5000, 0], 1), [1, 0]);
  assert.deepEqual(softLabels([-5000, -5000], 1), [0.5, 0.5]);
});

test("T softens: the largest probability falls, and the entropy rises to that of all alike", () => {
  const logits = [6, 2, 1, -3];
  const soft = [0.5, 1, 2, 5, 20, 1e6].map((temperature) => softLabels(logits, temperature));
  for (let i = 1; i < soft.length; i++) {
    assert.ok(soft[i][0] < soft[i - 1][0]);
    assert.ok(entropy(soft[i]) > entropy(soft[i - 1]));
  }
  near(entropy(soft.at(-1)), Math.log(4), 1e-9);
});

test("a hard label has no entropy, and ten alike have ln 10", () => {
  assert.equal(entropy([0, 0, 1, 0]), 0);
  near(entropy(Array(10).fill(0.1)), Math.log(10));
});

test("a percentage is as short as it may be", () => {
  const written = [0, 0.0004, 0.0005, 0.04, 0.0994, 0.0996, 0.5, 1].map(percent);
  assert.deepEqual(written, ["0", "0", "0.1", "4.0", "9.9", "10", "50", "100"]);
});
