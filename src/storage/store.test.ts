import assert from "node:assert/strict";
import { test } from "node:test";
import { VirtualClock } from "../kernel/clock.ts";
import { silentLog } from "../kernel/log.ts";
import type { Engine } from "./engine.ts";
import { MemoryEngine } from "./engines/memory.ts";
import { key, keysUnder } from "./keys.ts";
import { ATTEMPTS_MAX, backoffMs, Outbox, type OutboxSubscriber } from "./outbox.ts";
import { nested } from "./overlay.ts";
import { defineRecord } from "./records.ts";
import { Store } from "./store.ts";

const open = () => new Store({ engine: new MemoryEngine(), soon: setImmediate });
const turns = async (count = 10) => {
  for (let i = 0; i < count; i++) await new Promise(setImmediate);
};

test("an operation sees its own writes, its neighbours' and the store's, in order", async () => {
  const store = open();
  const all = () => store.write((tx) => [...tx.range(...bounds("k"))].map(([, value]) => value));
  await store.write((tx) => {
    for (const n of [1, 3, 5]) tx.put(key("k", n), n);
  });
  const first = store.write((tx) => tx.put(key("k", 2), 2));
  const second = store.write((tx) => {
    tx.delete(key("k", 3));
    tx.put(key("k", 4), 4);
    return [...tx.range(...bounds("k"), { reverse: true, limit: 3 })].map(([, value]) => value);
  });
  await first;
  assert.deepEqual(await second, [5, 4, 2]);
  assert.deepEqual(await all(), [1, 2, 4, 5]);
});

test("a throw undoes what its operation wrote, and nothing of its neighbours", async () => {
  const store = open();
  const bad = store.write((tx) => {
    tx.put(key("torn"), 1);
    throw new Error("no");
  });
  const good = store.write((tx) => tx.put(key("kept"), 1));
  await assert.rejects(bad, /no/);
  await good;
  assert.deepEqual(await store.write((tx) => [tx.get(key("torn")), tx.get(key("kept"))]), [undefined, 1]);
});

test("a nested operation that throws is undone; its caller goes on", async () => {
  const store = open();
  await store.write((tx) => {
    tx.put(key("outer"), 1);
    assert.throws(() =>
      nested(tx, (inner) => {
        assert.equal(inner.get(key("outer")), 1);
        inner.put(key("inner"), 1);
        throw new Error("inner");
      }),
    );
    nested(tx, (inner) => inner.put(key("second"), 2));
  });
  assert.deepEqual(await store.write((tx) => ["outer", "inner", "second"].map((name) => tx.get(key(name)))), [
    1,
    undefined,
    2,
  ]);
});

test("what is read or written is a copy", async () => {
  const store = open();
  const value = { list: [1], bytes: Buffer.from("abc"), gone: undefined };
  await store.write((tx) => {
    tx.put(key("v"), value);
    value.list.push(2);
    const read = tx.get(key("v")) as typeof value;
    read.list.push(3);
    read.bytes[0] = 0;
  });
  const read = (await store.write((tx) => tx.get(key("v")))) as typeof value;
  assert.deepEqual(read.list, [1]);
  assert.equal(Buffer.from(read.bytes).toString(), "abc");
  assert.ok(!("gone" in read));
});

test("a reply waits for the flush, and so does one that only read", async () => {
  let release = () => {};
  const engine = new MemoryEngine();
  const commit = engine.commit.bind(engine);
  engine.commit = async (writes) => {
    await commit(writes);
    await new Promise<void>((resolve) => {
      release = resolve;
    });
  };
  const store = new Store({ engine, soon: setImmediate });
  const seen: string[] = [];
  const write = store.write((tx) => tx.put(key("a"), 1)).then(() => seen.push("write"));
  await turns();
  const read = store.write((tx) => tx.get(key("a"))).then((value) => seen.push(`read ${value}`));
  await turns();
  assert.deepEqual(seen, []);
  release();
  await Promise.all([write, read]);
  assert.deepEqual(seen, ["write", "read 1"]);
});

test("when a commit fails, everybody in it is told and nothing is kept", async () => {
  const engine = new MemoryEngine();
  const store = new Store({ engine, soon: setImmediate });
  const commit = engine.commit.bind(engine);
  engine.commit = () => {
    throw new Error("disk full");
  };
  const results = await Promise.allSettled([
    store.write((tx) => tx.put(key("a"), 1)),
    store.write((tx) => tx.put(key("b"), 1)),
  ]);
  assert.deepEqual(
    results.map((result) => result.status),
    ["rejected", "rejected"],
  );
  engine.commit = commit;
  assert.equal(await store.write((tx) => tx.get(key("a"))), undefined);
});

test("a record of an older version is upgraded, one of a newer version refused", async () => {
  const store = open();
  const old = defineRecord<{ name: string }>("test.Thing", 1);
  const now = defineRecord<{ names: string[] }>("test.Thing", 3, {
    1: ({ name }) => ({ all: [name] }),
    2: ({ all }) => ({ names: all }),
  });
  await store.write((tx) => old.put(tx, key("thing"), { name: "a" }));
  assert.deepEqual(await store.write((tx) => now.get(tx, key("thing"))), { names: ["a"] });
  await store.write((tx) => now.put(tx, key("thing"), { names: [] }));
  await assert.rejects(
    store.write((tx) => old.get(tx, key("thing"))),
    /newer Virga/,
  );
});

const bounds = (...parts: string[]) => {
  const { start, end } = keysUnder(...parts);
  return [start, end] as const;
};

function openOutbox(
  deliver: OutboxSubscriber["deliver"],
  concurrency = 2,
  more: Pick<OutboxSubscriber, "laneOf"> = {},
) {
  const clock = new VirtualClock(1_000_000);
  const engine = new MemoryEngine();
  const store = new Store({ engine, soon: setImmediate });
  const outbox = new Outbox(store, clock, silentLog, [
    { name: "test", type: "happened", concurrency, deliver, ...more },
  ]);
  return { clock, engine, store, outbox };
}

test("events are delivered after their commit, in order, and not when it is undone", async () => {
  const seen: unknown[] = [];
  const { store, outbox } = openOutbox(async (delivery, done) => {
    seen.push(delivery.detail);
    await store.write(done);
  });
  await outbox.start();
  await store.write((tx) => {
    for (let n = 0; n < 5; n++) tx.emit({ type: "happened", detail: n });
  });
  await store
    .write((tx) => {
      tx.emit({ type: "happened", detail: "undone" });
      throw new Error("no");
    })
    .catch(() => {});
  await store.write((tx) => tx.emit({ type: "nobody hears this", detail: 0 }));
  await turns(40);
  assert.deepEqual(seen, [0, 1, 2, 3, 4]);
  assert.deepEqual(await store.write((tx) => [...tx.range(...bounds("outbox"))]), []);
});

test("an event with a due time waits for it", async () => {
  const seen: unknown[] = [];
  const { clock, store, outbox } = openOutbox(async (delivery, done) => {
    seen.push([clock.nowMs(), delivery.detail]);
    await store.write(done);
  });
  await outbox.start();
  await store.write((tx) => {
    tx.emit({ type: "happened", detail: "late", dueMs: 1_005_000 });
    tx.emit({ type: "happened", detail: "soon", dueMs: 1_001_000 });
  });
  await turns();
  assert.deepEqual(seen, []);
  clock.advance(1000);
  await turns();
  clock.advance(4000);
  await turns();
  assert.deepEqual(seen, [
    [1_001_000, "soon"],
    [1_005_000, "late"],
  ]);
});

test("a failed delivery comes again with backoff, and is kept as dead in the end", async () => {
  let attempts = 0;
  const { clock, store, outbox } = openOutbox(async () => {
    attempts++;
    throw new Error("unreachable");
  });
  await outbox.start();
  await store.write((tx) => tx.emit({ type: "happened", detail: 1 }));
  for (let n = 1; n < ATTEMPTS_MAX; n++) {
    await turns();
    assert.equal(attempts, n);
    clock.advance(backoffMs(n) - 1);
    await turns();
    assert.equal(attempts, n);
    clock.advance(1);
  }
  await turns();
  clock.advance(3_600_000);
  await turns();
  assert.equal(attempts, ATTEMPTS_MAX);
  const dead = await store.write((tx) => [...tx.range(...bounds("outbox-dead"))].map(([, value]) => value));
  assert.match(JSON.stringify(dead), /unreachable/);
  assert.deepEqual(await store.write((tx) => [...tx.range(...bounds("outbox"))]), []);
});

test("a platform that starts again delivers what the last one owed", async () => {
  const first = openOutbox(() => new Promise(() => {}));
  await first.outbox.start();
  await first.store.write((tx) => {
    for (let n = 0; n < 5; n++) tx.emit({ type: "happened", detail: n });
  });
  await turns();
  const seen: unknown[] = [];
  const store = new Store({ engine: first.engine.snapshot(), soon: setImmediate });
  const second = new Outbox(store, first.clock, silentLog, [
    {
      name: "test",
      type: "happened",
      concurrency: 2,
      async deliver(delivery, done) {
        seen.push(delivery.detail);
        await store.write(done);
      },
    },
  ]);
  await second.start();
  await turns(60);
  assert.deepEqual(seen, [0, 1, 2, 3, 4]);
});

test("never more deliveries at once than the subscriber takes", async () => {
  let now = 0;
  let most = 0;
  const { store, outbox } = openOutbox(async (_, done) => {
    most = Math.max(most, ++now);
    await turns(3);
    now--;
    await store.write(done);
  });
  await outbox.start();
  await store.write((tx) => {
    for (let n = 0; n < 9; n++) tx.emit({ type: "happened", detail: n });
  });
  await turns(120);
  assert.equal(most, 2);
  assert.equal(outbox.busy, false);
  assert.deepEqual(await store.write((tx) => [...tx.range(...bounds("outbox"))]), []);
});

interface Owned {
  readonly owner: string;
  readonly n: number;
}

/** Deliveries that stay under way until they are let go. */
function heldOutbox(concurrency: number) {
  const held: { detail: Owned; release: () => void }[] = [];
  const opened = openOutbox(
    async ({ detail }, done) => {
      await new Promise<void>((release) => held.push({ detail: detail as Owned, release }));
      await opened.store.write(done);
    },
    concurrency,
    { laneOf: (detail) => (detail as Owned).owner },
  );
  const emit = (owner: string, count: number) =>
    opened.store.write((tx) => {
      for (let n = 0; n < count; n++) tx.emit({ type: "happened", detail: { owner, n } });
    });
  const under = (owner: string) => held.filter(({ detail }) => detail.owner === owner).length;
  const release = async (owner: string) => {
    held
      .splice(
        held.findIndex(({ detail }) => detail.owner === owner),
        1,
      )[0]!
      .release();
    await turns(20);
  };
  return { ...opened, held, emit, under, release };
}

test("a lane takes half of what is left, so that there is room for whoever comes next", async () => {
  const { outbox, emit, under, release, held, store } = heldOutbox(16);
  await outbox.start();
  await emit("busy", 100);
  await turns(20);
  assert.equal(under("busy"), 8);
  await emit("quiet", 1);
  await emit("other", 100);
  await turns(20);
  assert.deepEqual([under("busy"), under("quiet"), under("other")], [8, 1, 4]);
  // Others have work: the busy one gets back what it has lost only while as much is left.
  await release("busy");
  assert.deepEqual([under("busy"), under("other")], [7, 4]);
  await release("quiet");
  const order: number[] = [];
  while (held.length > 0) {
    const { detail } = held[0]!;
    if (detail.owner === "busy") order.push(detail.n);
    await release(detail.owner);
  }
  // Two went before.
  assert.equal(order.length, 99);
  assert.deepEqual(
    order,
    [...order].sort((a, b) => a - b),
  );
  assert.equal(outbox.busy, false);
  assert.deepEqual(await store.write((tx) => [...tx.range(...bounds("outbox"))]), []);
});

test("a subscriber that takes one at a time serves every lane", async () => {
  const { outbox, emit, held, release } = heldOutbox(1);
  await outbox.start();
  await emit("a", 4);
  await emit("b", 2);
  await turns(20);
  const order: string[] = [];
  while (held.length > 0) {
    const { owner } = held[0]!.detail;
    order.push(owner);
    await release(owner);
  }
  assert.deepEqual(order, ["a", "a", "b", "a", "b", "a"]);
});

test("lanes are found again after a restart, with what was owed before there were lanes", async () => {
  const before = openOutbox(() => new Promise(() => {}), 1);
  await before.outbox.start();
  await before.store.write((tx) => {
    for (let n = 0; n < 3; n++) tx.emit({ type: "happened", detail: { owner: "a", n } });
  });
  const seen: string[] = [];
  const again = (engine: MemoryEngine, deliver: OutboxSubscriber["deliver"]) => {
    const store = new Store({ engine, soon: setImmediate });
    const outbox = new Outbox(store, before.clock, silentLog, [
      { name: "test", type: "happened", concurrency: 4, laneOf: (detail) => (detail as Owned).owner, deliver },
    ]);
    return { store, outbox };
  };
  const engine = before.engine.snapshot();
  const stuck = again(engine, () => new Promise(() => {}));
  await stuck.outbox.start();
  await stuck.store.write((tx) => {
    for (const owner of ["b", "c"]) tx.emit({ type: "happened", detail: { owner, n: 0 } });
    tx.emit({ type: "happened", detail: { owner: "d", n: 0 }, dueMs: before.clock.nowMs() + 1000 });
  });
  await turns(20);
  const last = again(engine.snapshot(), async ({ detail }, done) => {
    seen.push(`${(detail as Owned).owner}${(detail as Owned).n}`);
    await last.store.write(done);
  });
  await last.outbox.start();
  await turns(40);
  assert.deepEqual(seen.toSorted(), ["a0", "a1", "a2", "b0", "c0"]);
  before.clock.advance(1000);
  await turns(20);
  assert.deepEqual(seen.at(-1), "d0");
});

test("a shared value is frozen, the same until it is written, and never that of an operation undone", async () => {
  const store = open();
  await store.write((tx) => tx.put(key("s"), { n: 1, deep: { list: [1] } }));
  const first = (await store.write((tx) => tx.read(key("s")))) as { n: number; deep: { list: number[] } };
  assert.equal(await store.write((tx) => tx.read(key("s"))), first);
  assert.throws(() => first.deep.list.push(2), TypeError);
  await assert.rejects(
    store.write((tx) => {
      tx.put(key("s"), { n: 2 });
      assert.deepEqual(tx.read(key("s")), { n: 2 });
      throw new Error("no");
    }),
  );
  assert.equal(await store.write((tx) => tx.read(key("s"))), first);
  const [, second] = await Promise.all([
    store.write((tx) => tx.put(key("s"), { n: 3 })),
    store.write((tx) => tx.read(key("s"))),
  ]);
  assert.deepEqual(second, { n: 3 });
  assert.deepEqual(await store.write((tx) => tx.read(key("s"))), { n: 3 });
  await store.write((tx) => tx.delete(key("s")));
  assert.equal(await store.write((tx) => tx.read(key("s"))), undefined);
});

test("additions of a batch become one sum; those of an operation that throws are lost with it", async () => {
  const engine = new MemoryEngine();
  let commits = 0;
  const store = new Store({
    engine: {
      get: (k) => engine.get(k),
      range: (start, end, options) => engine.range(start, end, options),
      close: () => engine.close(),
      commit: (writes) => {
        commits++;
        return engine.commit(writes);
      },
    },
    soon: setImmediate,
  });
  const counter = key("counter");
  const bad = store.write((tx) => {
    tx.add(counter, 1000);
    throw new Error("no");
  });
  const good = Array.from({ length: 10 }, (_, n) =>
    store.write((tx) => {
      tx.add(counter, n);
      nested(tx, (inner) => inner.add(counter, 0.5));
      assert.throws(() =>
        nested(tx, (inner) => {
          inner.add(counter, 1000);
          throw new Error("inner");
        }),
      );
      return tx.get(counter);
    }),
  );
  await assert.rejects(bad, /no/);
  assert.deepEqual(await Promise.all(good), Array(10).fill(undefined));
  assert.equal(commits, 1);
  assert.equal(await store.write((tx) => tx.get(counter)), 50);
  await store.write((tx) => tx.add(counter, -8));
  assert.equal(await store.write((tx) => tx.get(counter)), 42);
  await assert.rejects(
    store.write((tx) => tx.add(counter, Number.NaN)),
    /is a number/,
  );
});

test("counts beside no write are held for a while and lost by no failed commit", async () => {
  let later: (() => void) | undefined;
  let refuse = false;
  const engine = new MemoryEngine();
  const commits: number[] = [];
  const picky: Engine = {
    get: (at) => engine.get(at),
    range: (start, end, options) => engine.range(start, end, options),
    close: () => engine.close(),
    commit(writes) {
      if (refuse) throw new Error("full");
      commits.push(writes.size);
      return engine.commit(writes);
    },
  };
  const store = new Store({ engine: picky, soon: setImmediate, later: (run) => (later = run) });
  const counter = key("counter");
  const counted = () => store.peek((tx) => tx.get(counter));
  store.count(counter, 1); // The first is committed at once,
  store.count(counter, 2); // what follows waits.
  await store.write((tx) => tx.add(counter, 4));
  assert.equal(counted(), 1);
  refuse = true;
  await assert.rejects(
    store.write((tx) => {
      tx.put(key("a"), 1);
      tx.add(counter, 100);
    }),
    /full/,
  );
  later!(); // Refused, and kept.
  assert.equal(counted(), 1);
  refuse = false;
  await store.write((tx) => tx.put(key("a"), 1));
  assert.equal(counted(), 7);
  store.count(counter, 8);
  await store.close();
  assert.deepEqual(commits, [1, 2, 1]);
  assert.equal(engine.get(counter), 15);
});
