/** The ceiling by the processor: what computes is bounded by the cores, what waits is not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { facts, schedule } from "./testing.ts";

const f = facts("f");
const NEVER_MS = 1e12;

/** Initialises a worker; it has used so much CPU time until then. */
const ready = (story: ReturnType<typeof schedule>, worker: number, usedMs = 0) =>
  story.ready(worker, NEVER_MS, undefined, usedMs);

test("a function that computes has two workers for each core, however many call; its workers go from call to call", () => {
  const story = schedule({ cores: 2 });
  for (let call = 1; call <= 4; call++) assert.match(story.ask(f).join(), /^start/);
  assert.deepEqual(story.ask(f), ["look after 54"]);
  // The look is under way: it is not asked for again.
  for (let call = 6; call <= 100; call++) assert.deepEqual(story.ask(f), []);
  for (let worker = 1; worker <= 4; worker++) assert.deepEqual(ready(story, worker), []);
  for (let round = 1; round <= 20; round++) {
    story.at(round * 100);
    // The machine has other things to do: they wait rather than run.
    const used = round;
    assert.deepEqual(story.look(0, { 1: used, 2: used, 3: used, 4: used }, round * 90), ["look after 54"]);
  }
  assert.deepEqual(story.finish(1), ["run 1 for 5"]);
  assert.equal(story.state.workers.size, 4);
});

test("a function that waits gets hundreds, as fast as they can be initialised", () => {
  const story = schedule({ cores: 2, accountConcurrency: 1000 });
  for (let call = 1; call <= 500; call++) story.ask(f);
  let nowMs = 0;
  let seen = 0;
  while (story.state.workers.size < 500) {
    story.at((nowMs += 100));
    const fresh = [...story.state.workers.keys()].filter((worker) => worker > seen);
    for (const worker of fresh) ready(story, worker, 40);
    seen += fresh.length;
    // Only their initialisation has cost anything. The machine is not idle meanwhile: others have it.
    story.at((nowMs += 50));
    story.look(0, Object.fromEntries([...story.state.workers.keys()].map((worker) => [worker, 41])));
    assert.ok(fresh.length > 0, `stands still at ${story.state.workers.size}`);
  }
  assert.equal(story.state.hungry, story.state.working - seen);
});

test("what lies idle is given out; what others have is not", () => {
  const story = schedule({ cores: 4, startsMax: 100 });
  for (let call = 1; call <= 50; call++) story.ask(f);
  assert.equal(story.state.workers.size, 8);
  // Each uses a tenth of a core: hungry, but the machine has more to give.
  story.at(100);
  for (let worker = 1; worker <= 8; worker++) ready(story, worker);
  story.at(200);
  const used = Object.fromEntries(Array.from({ length: 8 }, (_, n) => [n + 1, 10]));
  story.look(2, used);
  assert.equal(story.state.workers.size, 12);
  // Nothing is idle any more.
  story.at(300);
  story.look(0.3, {});
  assert.equal(story.state.workers.size, 12);
});

test("a container's cores may be fewer than the machine's: its workers use all of them, whatever lies idle outside", () => {
  const story = schedule({ cores: 2 });
  for (let call = 1; call <= 50; call++) story.ask(f);
  for (let worker = 1; worker <= 4; worker++) ready(story, worker);
  story.at(100);
  story.look(60, { 1: 50, 2: 50, 3: 50, 4: 48 });
  assert.equal(story.state.workers.size, 4);
});

test("where no CPU time is counted, idle cores alone tell", () => {
  const story = schedule({ cores: 2 });
  for (let call = 1; call <= 50; call++) story.ask(f);
  story.at(100);
  story.look(0);
  assert.equal(story.state.workers.size, 4);
  story.at(200);
  story.look(1.5);
  assert.equal(story.state.workers.size, 7);
});

test("a function without a worker, and provisioned concurrency, are not held up by one that has all the processor", () => {
  const story = schedule({ cores: 1 });
  for (let call = 1; call <= 50; call++) story.ask(f);
  assert.equal(story.state.workers.size, 2);
  assert.deepEqual(story.ask(facts("quiet")), ["start 3 for 51"]);
  assert.deepEqual(story.ask(facts("quiet")), []);
  assert.deepEqual(story.provision(facts("ready"), 2), ["provision 4", "provision 5"]);
});

test("who has waited gets a worker's room from a function that has two more of them; then both stay as they are", () => {
  const story = schedule({ cores: 2 });
  for (let call = 1; call <= 50; call++) story.ask(f);
  for (let worker = 1; worker <= 4; worker++) ready(story, worker);
  const other = facts("other");
  assert.deepEqual(story.ask(other), ["start 5 for 51"]);
  ready(story, 5);
  for (let call = 1; call <= 5; call++) story.ask(other);
  assert.deepEqual(story.finish(1), ["run 1 for 5"]);
  story.at(1500);
  // Five run where four may: the first that goes makes no room yet.
  assert.deepEqual(story.finish(1), ["end 1"]);
  assert.deepEqual(story.finish(2), ["end 2", "start 6 for 52"]);
  // Two each: from here on each function's calls wait for its own workers.
  assert.deepEqual(story.finish(3), ["run 3 for 6"]);
  assert.deepEqual(story.finish(5), ["run 5 for 53"]);
});

test("hungry workers that rest or end make room at once", () => {
  const story = schedule({ cores: 1 });
  const other = facts("other");
  story.ask(f);
  story.ask(f);
  story.ask(other);
  assert.deepEqual(story.ask(other), ["look after 53"]);
  for (let worker = 1; worker <= 3; worker++) ready(story, worker);
  assert.deepEqual(story.finish(1), ["freeze 1"]);
  assert.deepEqual(story.gone(2), ["start 4 for 4"]);
});
