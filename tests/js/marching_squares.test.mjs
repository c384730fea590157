// The lines on which a function of the plane is zero.

import assert from "node:assert/strict";
import test from "node:test";

import { zeroLines } from "./common.mjs";

const GRID = 20;

/** The lines of a function of the place of each cell. */
function linesOf(f, grid = GRID) {
  const values = Array.from({ length: grid * grid }, (_, i) => f(i % grid, Math.floor(i / grid)));
  const flat = zeroLines(values, grid);
  assert.equal(flat.length % 4, 0);
  return Array.from({ length: flat.length / 4 }, (_, i) => flat.slice(4 * i, 4 * i + 4));
}

const lengthOf = (lines) => lines.reduce((sum, [a, b, c, d]) => sum + Math.hypot(c - a, d - b), 0);
const near = (a, b, tolerance) => assert.ok(Math.abs(a - b) <= tolerance, `${a} is not ${b}`);

test("where a function keeps its sign there is no line", () => {
  assert.deepEqual(linesOf(() => 1), []);
  assert.deepEqual(linesOf(() => -1), []);
});

test("of a slope the line lies exactly where it is zero, and goes on beyond the edge", () => {
  const lines = linesOf((x) => x - 7.25);
  for (const [x1, , x2] of lines) {
    near(x1, 7.25, 1e-12);
    near(x2, 7.25, 1e-12);
  }
  const heights = lines.flatMap(([, y1, , y2]) => [y1, y2]);
  assert.deepEqual([Math.min(...heights), Math.max(...heights)], [-1, GRID]);
  near(lengthOf(lines), GRID + 1, 1e-12);
});

test("rows are y and columns are x", () => {
  for (const [, y1, , y2] of linesOf((_, y) => 3.5 - y)) assert.deepEqual([y1, y2], [3.5, 3.5]);
});

test("of a disc the line is its circle, and closed", () => {
  const [radius, middle] = [6.3, 9.4];
  const lines = linesOf((x, y) => radius - Math.hypot(x - middle, y - middle));
  near(lengthOf(lines), 2 * Math.PI * radius, 0.2);
  const ends = new Map();
  for (const [x1, y1, x2, y2] of lines) {
    for (const end of [[x1, y1], [x2, y2]]) {
      near(Math.hypot(end[0] - middle, end[1] - middle), radius, 0.05);
      const place = end.map((v) => v.toFixed(9)).join();
      ends.set(place, (ends.get(place) ?? 0) + 1);
    }
  }
  assert.ok([...ends.values()].every((count) => count === 2), "each end is where another begins");
});

test("at a saddle two lines pass, and none is lost", () => {
  const lines = linesOf((x, y) => (x - 0.5) * (y - 0.5), 2);
  const within = lines.filter((line) => line.every((v) => v >= 0 && v <= 1));
  assert.equal(within.length, 2);
});
