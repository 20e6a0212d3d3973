/** Stories of whole schedules: limits, bursts, fairness, memory, provisioned concurrency, and what each keep-alive policy does with time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { facts, schedule } from "./testing.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

test("a function may ask for 1,000 new workers at once, then for 100 a second; nothing is saved up", () => {
  const { at, ask } = schedule({ accountConcurrency: 10_000 });
  const refused = (count: number, of = facts("f")) =>
    Array.from({ length: count }, () => ask(of)).filter(([first]) => first?.startsWith("refuse")).length;
  assert.equal(refused(1005), 5);
  // Another function has its own thousand.
  assert.equal(refused(10, facts("g")), 0);
  at(1000);
  assert.equal(refused(150), 50);
  at(HOUR);
  assert.equal(refused(1500), 500);
  assert.deepEqual(ask(facts("f")), ["refuse 2666 rate"]);
});

test("ten calls a second for each unit of concurrency, in AWS's words", () => {
  const { at, call } = schedule({ accountConcurrency: 3 });
  const reserved = facts("r", { concurrencyMax: 1 });
  for (let calls = 1; calls <= 10; calls++) call(reserved);
  assert.deepEqual(call(reserved), ["refuse 11 Reserved rate"]);
  at(100);
  assert.equal(call(reserved).at(-1), "freeze 1");
  for (let calls = 1; calls <= 30; calls++) call(facts("free"));
  assert.deepEqual(call(facts("other")), ["refuse 43 rate"]);
});

test("one function with a thousand calls waiting, another asks once: it starts next, and its worker weighs as much as all of the first", () => {
  const story = schedule({ startsMax: 4, accountConcurrency: 2000 });
  const { ask, ready, finish, state } = story;
  const busy = facts("busy");
  for (let call = 1; call <= 1000; call++) ask(busy);
  const quiet = facts("quiet");
  assert.deepEqual(ask(quiet), []);
  assert.deepEqual(ready(1), ["start 5 for 1001"]);
  // Four workers of the busy function share what one alone would have.
  assert.equal(state.workers.get(2)!.share, 1 / 4);
  assert.equal(state.workers.get(5)!.share, 1);
  ready(5);
  finish(5);
  assert.deepEqual(ask(quiet), ["run 5 for 1002"]);
  // And a third function after that: it need not wait for the rest of the thousand either.
  assert.deepEqual(ask(facts("third")), []);
  assert.match(ready(2).join(), /start \d+ for 1003/);
});

test("a share of the processor is not moved by every call, and grows again once it was not needed for a while", () => {
  const { at, ask, ready, finish, state } = schedule({}, { weights: true });
  const f = facts("f", { takesSpare: false });
  for (const worker of [1, 2, 3, 4]) ask(f) && ready(worker);
  const share = () => [...state.functions.values()][0]!.share;
  assert.equal(share(), 1 / 4);
  for (const worker of [1, 2, 3, 4]) finish(worker);
  // One call at a time from here on: nothing is weighed anew.
  for (const second of [1, 5, 9]) {
    at(second * 1000);
    assert.deepEqual(ask(f).length + finish(4).length, 2);
  }
  assert.equal(share(), 1 / 4);
  at(12_000);
  ask(f);
  finish(4);
  assert.equal(share(), 1);
  assert.deepEqual(ask(f).slice(1), ["weigh 4 1"]);
});

test("functions that all have more calls than may start take turns", () => {
  const { ask, gone } = schedule({ startsMax: 1 });
  const names = ["a", "b", "c"];
  for (let round = 0; round < 3; round++) for (const name of names) ask(facts(name));
  const order: string[] = ["a"];
  for (let worker = 1; worker < 9; worker++) {
    const [started] = gone(worker);
    order.push(names[(Number(/for (\d+)/.exec(started!)![1]) - 1) % 3]!);
  }
  assert.equal(order.join(""), "abcabcabc");
});

test("where memory is short, calls wait, idle workers give way, and a function with many gives one up to who waits", () => {
  const { at, ask, ready, finish, state } = schedule({ memoryMaxMb: 200, workerMemoryMb: 50, startsMax: 10 });
  const a = facts("a");
  for (let call = 1; call <= 6; call++) ask(a);
  for (const worker of [1, 2, 3, 4]) ready(worker);
  assert.equal(state.workers.size, 4);
  const b = facts("b");
  assert.deepEqual(ask(b), []);
  // A start costs more than to wait for a moment: at first the worker goes on with its own function's calls.
  at(500);
  assert.deepEqual(finish(1), ["run 1 for 5"]);
  at(1500);
  assert.deepEqual(finish(2), ["end 2", "start 5 for 7"]);
  assert.deepEqual(finish(3), ["run 3 for 6"]);
  ready(5);
  assert.deepEqual(finish(4), ["freeze 4"]);
  assert.deepEqual(ask(b), ["end 4", "start 6 for 8"]);
  // A worker is counted with what it was last seen to hold.
  finish(1, 100);
  assert.equal(state.memoryMb, 250);
});

test("a function larger than the machine's budget runs alone", () => {
  const { ask, ready, finish } = schedule({ memoryMaxMb: 100, workerMemoryMb: 1000 });
  const giant = facts("giant", { memoryMb: 512 });
  assert.deepEqual(ask(giant), ["start 1 for 1"]);
  assert.deepEqual(ask(facts("other")), []);
  ready(1);
  assert.deepEqual(finish(1), ["freeze 1", "end 1", "start 2 for 2"]);
});

test("idle workers hold no more memory than they may: the one that waited longest goes", () => {
  const { call, state } = schedule({ idleMemoryMaxMb: 150 });
  for (const name of ["a", "b"]) call(facts(name), { memoryMb: 60 });
  assert.deepEqual(call(facts("c"), { memoryMb: 60 }), ["start 3 for 3", "freeze 3", "end 1"]);
  assert.equal(state.idleMemoryMb, 120);
});

test("provisioned workers are initialised before anybody calls, stay, are taken first, and what they cannot take spills over", () => {
  const { at, ask, ready, finish, time, provision, state } = schedule({ accountConcurrency: 1, keepAliveMs: MINUTE });
  const f = facts("f", { version: "1" });
  assert.deepEqual(provision(f, 2), ["provision 1", "provision 2"]);
  assert.deepEqual(ready(1), ["freeze 1"]);
  assert.deepEqual(ready(2), ["freeze 2"]);
  assert.deepEqual(ask(f), ["run 2 for 1"]);
  assert.deepEqual(ask(f), ["run 1 for 2"]);
  // Only what spills over counts against the account's unreserved concurrency.
  assert.deepEqual(ask(f), ["start 3 for 3"]);
  assert.deepEqual(ask(f), ["refuse 4"]);
  ready(3);
  for (const worker of [1, 2, 3]) finish(worker);
  assert.deepEqual(ask(f), ["run 2 for 5"]);
  finish(2);
  at(HOUR);
  assert.deepEqual(time(), ["end 3"]);
  assert.equal(state.workers.size, 2);
});

test("a provisioned worker that is lost or whose credentials end is replaced; one that cannot be initialised is not tried on", () => {
  const { at, ask, ready, gone, time, provision, due } = schedule();
  const f = facts("f", { version: "1" });
  provision(f, 1);
  ready(1, HOUR);
  assert.equal(due(), HOUR - f.timeoutMs);
  at(HOUR - f.timeoutMs);
  assert.deepEqual(time(), ["end 1", "provision 2"]);
  ready(2);
  ask(f);
  assert.deepEqual(gone(2), ["provision 3"]);
  assert.deepEqual(gone(3), []);
  assert.deepEqual(provision(f, 1), ["provision 4"]);
});

test("provisioned concurrency follows the revision and the number wanted", () => {
  const { ask, ready, finish, provision, state } = schedule();
  const old = facts("f", { version: "1" });
  provision(old, 2);
  ready(1);
  ready(2);
  assert.deepEqual(provision({ ...old, revision: "f-2" }, 2), ["end 1", "end 2", "provision 3", "provision 4"]);
  ready(3);
  ready(4);
  const now = { ...old, revision: "f-2" };
  assert.deepEqual(provision(now, 1), ["freeze 3"]);
  assert.equal(state.idle.size, 1);
  ask(now);
  assert.deepEqual(provision(now, 0), []);
  assert.deepEqual(finish(4), ["freeze 4"]);
  assert.equal(state.idle.size, 2);
});

test("a call that comes while a worker is made ready waits for that one", () => {
  const { ask, ready, provision, gone } = schedule();
  const f = facts("f", { version: "1" });
  provision(f, 1);
  assert.deepEqual(ask(f), []);
  assert.deepEqual(ask(f), ["start 2 for 1"]);
  assert.deepEqual(ready(1), ["run 1 for 2"]);
  const g = facts("g", { version: "1" });
  provision(g, 1);
  ask(g);
  assert.deepEqual(gone(3), ["start 4 for 3"]);
});

/** Calls every `pauseMs`, `count` times; returns when the last one was over. */
function regular(
  story: ReturnType<typeof schedule>,
  of: ReturnType<typeof facts>,
  pauseMs: number,
  count: number,
): number {
  let nowMs = 0;
  for (let call = 0; call < count; call++) {
    nowMs = call * pauseMs;
    for (let due = story.due(); due !== undefined && due <= nowMs; due = story.due()) {
      story.at(due);
      for (const started of story.time()) {
        const worker = /^prewarm (\d+)/.exec(started)?.[1];
        if (worker) story.ready(Number(worker));
      }
    }
    story.at(nowMs);
    story.call(of);
  }
  return nowMs;
}

test("histogram: a function called every half hour is unloaded at once and made ready just before its next call", () => {
  const story = schedule({ keepAlive: "histogram" });
  const f = facts("timer", { takesSpare: false });
  const last = regular(story, f, 30 * MINUTE, 15);
  assert.equal(story.state.workers.size, 0);
  // 5th percentile: the bin of minute 30, less a tenth.
  assert.equal(story.due(), last + 27 * MINUTE);
  story.at(last + 27 * MINUTE);
  assert.deepEqual(
    story.time().map((text) => text.split(" ")[0]),
    ["prewarm"],
  );
  const [worker] = story.state.workers.keys();
  assert.deepEqual(story.ready(worker!), [`freeze ${worker}`]);
  // Nobody comes: the 99th percentile and a tenth more.
  assert.equal(story.due(), last + 31 * MINUTE * 1.1);
  story.at(last + 30 * MINUTE);
  assert.match(story.ask(f)[0]!, /^run/);
});

test("histogram: what is known too little or comes evenly is kept for the whole range", () => {
  const story = schedule({ keepAlive: "histogram" });
  const f = facts("new", { takesSpare: false });
  const last = regular(story, f, 30 * MINUTE, 5);
  assert.equal(story.due(), last + 4 * HOUR);
});

test("histogram: calls within the minute keep their worker for about that long", () => {
  const story = schedule({ keepAlive: "histogram" });
  const f = facts("chatty", { takesSpare: false });
  const last = regular(story, f, 5000, 50);
  assert.equal(story.state.idle.size, 1);
  assert.equal(story.due(), last + 1.1 * MINUTE);
});

test("histogram: pauses out of its range are foretold from the latest ones", () => {
  const story = schedule({ keepAlive: "histogram" });
  const f = facts("rare", { takesSpare: false });
  const last = regular(story, f, 10 * HOUR, 12);
  assert.equal(story.due(), last + 10 * HOUR * 0.85);
});

test("greedy-dual: nothing goes while there is room; then the least worth its room, and who is used grows in worth", () => {
  const { at, call, due, state } = schedule({ keepAlive: "greedy-dual", idleMemoryMaxMb: 250 });
  const slow = facts("slow", { takesSpare: false });
  const quick = facts("quick", { takesSpare: false });
  const large = facts("large", { takesSpare: false });
  call(slow, { initMs: 5000, memoryMb: 100 });
  call(quick, { initMs: 50, memoryMb: 50 });
  at(24 * HOUR);
  // Only their credentials end.
  assert.ok(due()! > 24 * HOUR);
  assert.equal(state.idle.size, 2);
  // worth: slow 50, quick 1, large 500 × 1 / 150 = 3.3
  assert.deepEqual(call(large, { initMs: 500, memoryMb: 150 }).at(-1), "end 2");
  assert.equal(state.worthClock, 1);
  // What comes now begins at the clock; quick has lost its frequency: 1 + 1 × 1.
  assert.deepEqual(call(quick, { initMs: 50, memoryMb: 50 }).at(-1), "end 4");
  assert.equal(state.worthClock, 2);
});
