import assert from "node:assert/strict";
import { test } from "node:test";
import { decide } from "./decide.ts";
import type { Observation } from "./observations.ts";
import { createSchedulerState } from "./state.ts";
import { facts, POLICY, schedule } from "./testing.ts";

test("the first call starts a worker, the next one finds it, and the latest used goes first", () => {
  const { ask, ready, finish } = schedule();
  const f = facts("f");
  assert.deepEqual(ask(f), ["start 1 for 1"]);
  assert.deepEqual(ask(f), ["start 2 for 2"]);
  ready(1);
  ready(2);
  assert.deepEqual(finish(2), ["freeze 2"]);
  assert.deepEqual(finish(1), ["freeze 1"]);
  assert.deepEqual(ask(f), ["run 1 for 3"]);
  assert.deepEqual(ask(f), ["run 2 for 4"]);
  assert.deepEqual(ask(f), ["start 3 for 5"]);
});

test("an idle worker is ended when its keep-alive is over, not before", () => {
  const { at, ask, ready, finish, time, due, state } = schedule({ keepAliveMs: 1000, spareIdleMs: 500 });
  ask(facts("f", { takesSpare: false }));
  ready(1);
  assert.equal(due(), undefined);
  at(200);
  finish(1);
  assert.equal(due(), 1200);
  at(1199);
  assert.deepEqual(time(), []);
  at(1200);
  assert.deepEqual(time(), ["end 1"]);
  assert.equal(state.workers.size, 0);
  assert.equal(due(), undefined);
});

test("reserved concurrency holds for all versions together, the account's for functions without", () => {
  const { ask, ready, finish } = schedule({ accountConcurrency: 2 });
  const reserved = facts("r", { concurrencyMax: 1 });
  assert.deepEqual(ask(reserved), ["start 1 for 1"]);
  assert.deepEqual(ask({ ...reserved, version: "1", revision: "r-v1" }), ["refuse 2 Reserved"]);
  assert.deepEqual(ask(facts("a")), ["start 2 for 3"]);
  assert.deepEqual(ask(facts("b")), ["start 3 for 4"]);
  assert.deepEqual(ask(facts("c")), ["refuse 5"]);
  assert.deepEqual(ask(facts("c", { account: "111111111111/us-east-1" })), ["start 4 for 6"]);
  ready(1);
  finish(1);
  assert.deepEqual(ask(reserved), ["run 1 for 7"]);
  assert.deepEqual(ask(facts("zero", { concurrencyMax: 0 })), ["refuse 8 Reserved"]);
});

test("more calls than may start wait, the function with fewest starts goes first, and whoever finishes serves who waits", () => {
  const { ask, ready, finish } = schedule({ startsMax: 2 });
  const a = facts("a");
  const b = facts("b");
  assert.deepEqual(ask(a), ["start 1 for 1"]);
  assert.deepEqual(ask(a), ["start 2 for 2"]);
  assert.deepEqual(ask(a), []);
  assert.deepEqual(ask(a), []);
  assert.deepEqual(ask(b), []);
  // One place is free: a has one starting and two waiting, b has none.
  assert.deepEqual(ready(1), ["start 3 for 5"]);
  assert.deepEqual(finish(1), ["run 1 for 3"]);
  assert.deepEqual(ready(2), ["start 4 for 4"]);
});

test("a start that fails makes room, for the limits and for those who wait", () => {
  const { ask, gone, state } = schedule({ startsMax: 1, accountConcurrency: 2 });
  ask(facts("a"));
  ask(facts("b"));
  assert.deepEqual(ask(facts("c")), ["refuse 3"]);
  assert.deepEqual(gone(1), ["start 2 for 2"]);
  gone(2);
  assert.deepEqual(
    [...state.functions.values(), ...state.accounts.values()].map(({ running }) => running),
    [0, 0, 0, 0],
  );
  assert.equal(state.starting, 0);
});

test("who withdraws while waiting leaves no trace; later it changes nothing", () => {
  const { ask, tell, ready, state } = schedule({ startsMax: 1 });
  ask(facts("a"));
  ask(facts("b"));
  assert.deepEqual(tell({ type: "withdrawn", invocation: 2 }), []);
  assert.deepEqual(ready(1), []);
  tell({ type: "withdrawn", invocation: 1 });
  assert.deepEqual(
    [...state.functions.values()].map(({ running }) => running),
    [1, 0],
  );
  assert.equal(state.waiting.size, 0);
});

test("a new revision ends the idle workers of the old one, and its busy ones when they finish", () => {
  const { ask, ready, finish } = schedule();
  const old = facts("f");
  ask(old);
  ask(old);
  ready(1);
  ready(2);
  finish(1);
  assert.deepEqual(ask({ ...old, revision: "f-2" }), ["end 1", "start 3 for 3"]);
  assert.deepEqual(finish(2), ["end 2"]);
  ready(3);
  // Another version is another place.
  assert.deepEqual(ask({ ...old, revision: "f-v1", version: "1" }), ["start 4 for 4"]);
  assert.deepEqual(finish(3), ["freeze 3"]);
});

test("a retired function's idle workers end at once, busy ones when they finish", () => {
  const { ask, ready, finish, tell } = schedule();
  const f = facts("f");
  ask(f);
  ask(f);
  ask(facts("ff"));
  for (const worker of [1, 2, 3]) ready(worker);
  finish(1);
  finish(3);
  assert.deepEqual(tell({ type: "retired", functionArn: f.functionArn }), ["end 1"]);
  assert.deepEqual(finish(2), ["end 2"]);
  assert.deepEqual(ask(facts("ff")), ["run 3 for 4"]);
});

test("no worker outlives its credentials, the time of a whole invocation included", () => {
  const { at, ask, ready, finish } = schedule();
  const f = facts("f", { timeoutMs: 5000 });
  ask(f);
  ready(1, 20_000);
  at(15_000);
  assert.deepEqual(finish(1), ["freeze 1"]);
  at(15_001);
  assert.deepEqual(ask(f), ["end 1", "start 2 for 2"]);
  ready(2, 20_002);
  at(15_003);
  assert.deepEqual(finish(2), ["end 2"]);
});

test("spares are kept for runtimes of late use, taken by whom they suit, and ended when nobody comes", () => {
  const { at, ask, ready, finish, tell, time, due, state } = schedule({ sparesPerRuntime: 1 });
  assert.deepEqual(tell({ type: "expected", runtime: "nodejs24.x" }), ["spare 1 nodejs24.x"]);
  assert.deepEqual(ask(facts("early")), ["start 2 for 1"]);
  assert.deepEqual(tell({ type: "spare-ready", worker: 1 }), ["freeze 1"]);
  assert.deepEqual(ask(facts("layers", { takesSpare: false })), ["start 3 for 2"]);
  assert.deepEqual(ask(facts("python", { runtime: "python3.12" })), ["start 4 for 3"]);
  assert.deepEqual(ask(facts("f")), ["assign 1 for 4"]);
  for (const worker of [1, 2, 3, 4]) ready(worker);
  at(1000);
  assert.deepEqual(finish(1), ["freeze 1", "spare 5 nodejs24.x", "spare 6 python3.12"]);
  assert.equal(due(), 60_000);
  at(60_000);
  assert.deepEqual(time(), ["end 5", "end 6"]);
  assert.equal([...state.workers.values()].filter(({ state: at }) => at === "spare").length, 0);
});

test("only so many workers are kept idle: the one that waited longest goes", () => {
  const { ask, ready, finish } = schedule({ idleMax: 2 });
  for (const name of ["a", "b", "c"]) ask(facts(name));
  for (const worker of [1, 2, 3]) ready(worker);
  finish(2);
  finish(3);
  assert.deepEqual(finish(1), ["freeze 1", "end 2"]);
});

test("any history leaves counts that add up", () => {
  // A small walk with every kind of event, decided by a fixed sequence of numbers.
  let seed = 12345;
  const random = (bound: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % bound;
  };
  const state = createSchedulerState();
  const policy = {
    ...POLICY,
    startsMax: 3,
    sparesPerRuntime: 1,
    idleMax: 4,
    accountConcurrency: 8,
    keepAliveMs: 50,
    memoryMaxMb: 9 * POLICY.workerMemoryMb,
    cores: 1,
  };
  const starting = new Set<number>();
  const busy = new Set<number>();
  const waiting = new Set<number>();
  const spares = new Set<number>();
  let invocations = 0;
  const step = (observation: Observation, nowMs: number) => {
    if (observation.type === "asked") waiting.add(observation.invocation);
    for (const action of decide(state, policy, observation, nowMs)) {
      if ("invocation" in action) waiting.delete(action.invocation);
      if (action.type === "start" || action.type === "assign") starting.add(action.worker);
      if (action.type === "assign") spares.delete(action.worker);
      if (action.type === "run") busy.add(action.worker);
      if (action.type === "start-spare") spares.add(action.worker);
      if (action.type === "end") {
        assert.ok(!starting.has(action.worker) && !busy.has(action.worker), "a worker at work is not ended");
        spares.delete(action.worker);
      }
    }
  };
  const any = (set: Set<number>) => [...set][random(set.size)]!;
  for (let nowMs = 0; nowMs < 5000; nowMs++) {
    const kind = random(9);
    if (kind < 3) step({ type: "asked", invocation: ++invocations, facts: facts(`f${random(4)}`) }, nowMs);
    else if (kind === 3 && starting.size > 0) {
      const worker = any(starting);
      starting.delete(worker);
      busy.add(worker);
      step({ type: "initialised", worker, usableUntilMs: nowMs + 20_000 }, nowMs);
    } else if (kind === 4 && busy.size > 0) {
      const worker = any(busy);
      busy.delete(worker);
      step({ type: "finished", worker }, nowMs);
    } else if (kind === 5 && starting.size + busy.size > 0) {
      const set = starting.size > 0 ? starting : busy;
      const worker = any(set);
      set.delete(worker);
      step({ type: "gone", worker }, nowMs);
    } else if (kind === 6 && waiting.size > 0) {
      const invocation = any(waiting);
      waiting.delete(invocation);
      step({ type: "withdrawn", invocation }, nowMs);
    } else if (kind === 7) step({ type: "time" }, nowMs);
    else if (kind === 8) {
      const use = (worker: number) => ({ usedMs: worker % 2 === 0 ? nowMs : 0, waitedMs: 0 });
      step({ type: "looked", idleCores: random(2), uses: new Map([...busy].map((id) => [id, use(id)])) }, nowMs);
    }
    const counted = [...state.functions.values()].reduce((sum, { running }) => sum + running, 0);
    assert.equal(counted, starting.size + busy.size + waiting.size);
    assert.ok(counted <= policy.accountConcurrency);
    assert.equal(state.starting, starting.size);
    assert.ok(state.idle.size <= policy.idleMax);
    const held = [...state.workers.values()].reduce((sum, { memoryMb }) => sum + memoryMb, 0);
    assert.equal(state.memoryMb, held);
    assert.ok(held <= policy.memoryMaxMb);
    const atWork = [...state.workers.values()].filter(
      (worker) => worker.state === "busy" || worker.state === "initialising",
    );
    assert.equal(state.working, atWork.length);
    assert.equal(state.hungry, [...state.workers.values()].filter(({ hungry }) => hungry).length);
    assert.ok(state.hungry <= state.working);
    for (const { fn } of atWork.map(({ place }) => place!)) assert.ok(fn.working.size * fn.share <= 1);
  }
  assert.ok(invocations > 1000);
});
