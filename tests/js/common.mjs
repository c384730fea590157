// Loads assets/common.js in any Node: its file name alone does not say that it is a module.

import { readFile } from "node:fs/promises";

const text = await readFile(new URL("../../assets/common.js", import.meta.url), "utf-8");
const address = `data:text/javascript;base64,${Buffer.from(text).toString("base64")}`;

export const {
  entropy, fill, fromHalves, inTurn, letPlay, percent, softLabels, stopPlaying, zeroLines,
} = await import(address);
