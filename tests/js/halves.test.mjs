// Numbers of 16 bits, as Python sends the film.

import assert from "node:assert/strict";
import test from "node:test";

import { fromHalves } from "./common.mjs";

/** The bits of each number, low byte first, in base 64. */
const sent = (...bits) => Buffer.from(new Uint16Array(bits).buffer).toString("base64");
const one = (bits) => fromHalves(sent(bits))[0];

test("halves have the values of the standard", () => {
  const known = [
    [0x3c00, 1],
    [0x3c01, 1 + 2 ** -10],
    [0xc000, -2],
    [0x7bff, 65504], // the largest
    [0x0400, 2 ** -14], // the smallest that is normal
    [0x03ff, 2 ** -14 * (1023 / 1024)], // the largest that is not
    [0x0001, 2 ** -24], // the smallest of all
    [0x3555, 0.333251953125],
    [0x7c00, Infinity],
    [0xfc00, -Infinity],
    [0x0000, 0],
    [0x8000, -0],
  ];
  for (const [bits, value] of known) assert.ok(Object.is(one(bits), value), `${bits} is ${one(bits)}`);
  assert.ok(Number.isNaN(one(0x7e00)));
});

test("halves come out in their order, the low byte first", () => {
  assert.deepEqual([...fromHalves(sent(0x4000, 0x4200, 0xb800))], [2, 3, -0.5]);
});

test("nothing is no numbers", () => {
  assert.equal(fromHalves("").length, 0);
});

test("each half above zero is larger than the one before", () => {
  const numbers = fromHalves(sent(...Array.from({ length: 0x7c01 }, (_, bits) => bits)));
  for (let i = 1; i < numbers.length; i++) assert.ok(numbers[i] > numbers[i - 1]);
});
