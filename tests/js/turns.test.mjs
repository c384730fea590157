// A component shows the newest data, in whatever order Streamlit calls it.

import assert from "node:assert/strict";
import test from "node:test";

import { inTurn } from "./common.mjs";

/** A component that keeps what it shows, on a page of its own. */
function component() {
  const parentElement = { isConnected: true };
  const page = { shows: null, ended: [] };
  const render = inTurn(({ data }) => {
    page.shows = data;
    return () => page.ended.push(data);
  });
  return { page, parentElement, call: (data) => render({ parentElement, data }) };
}

test("one call after the other: the last is shown", () => {
  const { page, call } = component();
  call("empty");
  call("result");
  assert.equal(page.shows, "result");
});

test("an old call that comes late gives way as soon as it is ended", () => {
  const { page, call } = component();
  call("result");
  const end = call("empty");
  end();
  assert.equal(page.shows, "result");
});

test("an old call that came in time is ended without a trace", () => {
  const { page, call } = component();
  const end = call("empty");
  call("result");
  end();
  assert.equal(page.shows, "result");
  assert.deepEqual(page.ended, []);
});

test("two old calls that come late, one after the other, both give way", () => {
  const { page, call } = component();
  call("result");
  const ends = [call("empty"), call("emptier")];
  ends.forEach((end) => end());
  assert.equal(page.shows, "result");
  const again = component();
  again.call("result");
  again.call("empty")();
  again.call("emptier")();
  assert.equal(again.page.shows, "result");
});

test("what came in time is not kept when something newer has come in time", async () => {
  const { page, call } = component();
  call("old result");
  await new Promise((done) => setTimeout(done, 5));
  const end = call("result");
  await new Promise((done) => setTimeout(done, 5));
  end();
  assert.equal(page.shows, "result");
  assert.deepEqual(page.ended, ["result"]);
});

test("when the page is left, what is shown is ended, and nothing is shown again", () => {
  const { page, parentElement, call } = component();
  call("empty");
  const end = call("result");
  parentElement.isConnected = false;
  end();
  assert.equal(page.shows, "result");
  assert.deepEqual(page.ended, ["result"]);
});

test("two of a kind on one page do not know of each other", () => {
  const [one, other] = [component(), component()];
  one.call("result");
  other.call("empty")();
  assert.equal(one.page.shows, "result");
  assert.deepEqual(other.page.ended, ["empty"]);
});
