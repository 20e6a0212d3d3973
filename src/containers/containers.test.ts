import assert from "node:assert/strict";
import { test } from "node:test";
import { sleep, VirtualClock } from "../kernel/clock.ts";
import { silentLog } from "../kernel/log.ts";
import { SeededRandom } from "../kernel/random.ts";
import { decide, isOver } from "./decide.ts";
import { createTaskHost } from "./host.ts";
import { createTaskNetworks } from "./networks.ts";
import { pauseArchive } from "./pause.ts";
import type { TaskSample } from "./sampler.ts";
import { findSocket, parseAddress } from "./socket.ts";
import type { ContainerState, KnownContainer, TaskContainer, TaskReport, TaskSpec, TaskState } from "./task.ts";
import { noCgroups } from "./task-cgroups.ts";
import { createFakeEngine, stubborn } from "./testing.ts";

const MIB = 1024 ** 2;

const container = (name: string, changes: Partial<TaskContainer> = {}, image = name): TaskContainer => ({
  name,
  essential: true,
  dependsOn: [],
  stopTimeoutMs: 30_000,
  ports: [],
  labels: {},
  container: {
    image,
    environment: {},
    cpus: 0.25,
    memoryBytes: 512 * MIB,
    readonlyRoot: false,
    init: false,
    tty: false,
    openStdin: false,
    mounts: [],
    ulimits: [],
    capabilitiesAdded: [],
    capabilitiesDropped: [],
    sysctls: {},
  },
  ...changes,
});

const spec = (key: string, ...containers: TaskContainer[]): TaskSpec => ({
  key,
  cpus: 0.25,
  memoryBytes: 512 * MIB,
  volumes: [],
  containers,
});

const absent: ContainerState = { phase: "absent", health: "UNKNOWN" };
const running: ContainerState = { phase: "running", health: "UNKNOWN", id: "1", startedMs: 0 };
const exited = (exitCode: number): ContainerState => ({ phase: "exited", health: "UNKNOWN", exitCode });
const task = (containers: TaskContainer[], states: ContainerState[], changes: Partial<TaskState> = {}): TaskState => ({
  spec: spec("t", ...containers),
  beganMs: 0,
  containers: Object.fromEntries(containers.map(({ name }, index) => [name, states[index]!])),
  ...changes,
});

const on = (name: string, condition: "START" | "COMPLETE" | "SUCCESS" | "HEALTHY") => ({
  dependsOn: [{ container: name, condition }],
});

const DECISIONS: readonly [string, TaskState, number, unknown][] = [
  ["starts what depends on nothing", task([container("a")], [absent]), 0, [{ kind: "start", container: "a" }]],
  [
    "waits for a start",
    task([container("a"), container("b", on("a", "START"))], [{ ...absent, phase: "starting" }, absent]),
    0,
    [],
  ],
  [
    "goes on once started",
    task([container("a"), container("b", on("a", "START"))], [running, absent]),
    0,
    [{ kind: "start", container: "b" }],
  ],
  ["waits for health", task([container("a"), container("b", on("a", "HEALTHY"))], [running, absent]), 0, []],
  [
    "goes on once healthy",
    task([container("a"), container("b", on("a", "HEALTHY"))], [{ ...running, health: "HEALTHY" }, absent]),
    0,
    [{ kind: "start", container: "b" }],
  ],
  [
    "gives up on a failed dependency",
    task([container("a", { essential: false }), container("b", on("a", "SUCCESS"))], [exited(1), absent]),
    0,
    [{ kind: "stop", stop: { code: "TaskFailedToStart", reason: "b: its dependency a did not reach SUCCESS" } }],
  ],
  [
    "goes on after any end",
    task([container("a", { essential: false }), container("b", on("a", "COMPLETE"))], [exited(1), absent]),
    0,
    [{ kind: "start", container: "b" }],
  ],
  [
    "gives up after the start timeout",
    task([container("a"), container("b", { ...on("a", "HEALTHY"), startTimeoutMs: 5000 })], [running, absent]),
    5000,
    [
      {
        kind: "stop",
        stop: { code: "TaskFailedToStart", reason: "b: its dependencies were not ready within 5 seconds" },
      },
    ],
  ],
  [
    "ends with its essential container",
    task([container("a"), container("b", { essential: false })], [exited(0), running]),
    0,
    [{ kind: "stop", stop: { code: "EssentialContainerExited", reason: "Essential container in task exited" } }],
  ],
];

for (const [name, state, nowMs, expected] of DECISIONS) {
  test(`decide: ${name}`, () => assert.deepEqual(decide(state, nowMs).actions, expected));
}

test("decide: ends dependents first, and kills after the stop timeout", () => {
  const stop = { code: "UserInitiated", reason: "enough" } as const;
  const containers = [container("a"), container("b", on("a", "START"))];
  assert.deepEqual(decide(task(containers, [running, running], { stop }), 0).actions, [
    { kind: "signal", container: "b" },
  ]);
  assert.deepEqual(decide(task(containers, [running, exited(0)], { stop }), 0).actions, [
    { kind: "signal", container: "a" },
  ]);
  const told = task(containers, [{ ...running, signalledMs: 1000 }, exited(0)], { stop });
  assert.deepEqual(decide(told, 2000), { actions: [], wakeMs: 31_000 });
  assert.deepEqual(decide(told, 31_000).actions, [{ kind: "kill", container: "a" }]);
  assert.equal(isOver(task(containers, [exited(0), exited(0)], { stop })), true);
});

function room(clock = new VirtualClock(1_000_000), engine = createFakeEngine(clock)) {
  const reports: TaskReport[] = [];
  const samples: TaskSample[] = [];
  const lines: string[] = [];
  const host = createTaskHost({
    engine,
    clock,
    log: silentLog,
    networks: createTaskNetworks({
      engine,
      random: new SeededRandom(1),
      door: { listen: async () => ({ port: 80 }), async close() {} },
    }),
    cgroups: noCgroups,
    sink: {
      report: (report) => void reports.push(report),
      sample: (sample) => void samples.push(sample),
      line: (key, name, { text }) => void lines.push(`${key} ${name} ${text}`),
    },
  });
  host.open("0123456789abcdef");
  const settle = async () => {
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  };
  const advance = async (byMs: number) => {
    const targetMs = clock.nowMs() + byMs;
    await settle();
    for (let dueMs = clock.nextDueMs(); dueMs !== undefined && dueMs <= targetMs; dueMs = clock.nextDueMs()) {
      clock.advanceTo(dueMs);
      await settle();
    }
    clock.advanceTo(targetMs);
  };
  const last = (key: string) => reports.findLast((report) => report.key === key)!;
  const phases = (key: string) => last(key).containers.map(({ phase }) => phase);
  return { clock, engine, host, reports, samples, lines, settle, advance, last, phases };
}

test("a task runs, is sampled, and ends politely", async () => {
  const { engine, host, samples, advance, last, phases, clock } = room();
  host.run(spec("one", container("web")));
  await advance(200);
  assert.deepEqual(phases("one"), ["running"]);
  assert.match(last("one").address!, /^169\.254\.17[01]\.\d+$/);
  assert.equal(host.taskAt(last("one").address!), "one");
  const [made] = engine.live();
  assert.deepEqual(made!.spec.labels, {
    "virga.instance": "0123456789abcdef",
    "virga.task": "one",
    "virga.container": "web",
  });
  made!.cores = 0.125;
  made!.bytesPerSecond = 1000;
  await advance(3000);
  assert.equal(samples.at(-1)!.cores, 0.125);
  assert.equal(samples.at(-1)!.sentBytesPerSecond, 1000);
  const stoppedMs = clock.nowMs();
  host.stop("one", { code: "UserInitiated", reason: "enough" });
  await advance(10);
  assert.deepEqual(made!.signals, [{ name: "SIGTERM", atMs: stoppedMs }]);
  assert.equal(last("one").over, true);
  assert.equal(last("one").containers[0]!.exitCode, 0);
  assert.equal(engine.containers.size, 0);
  assert.equal(host.knows("one"), false);
  // Nothing is left to do: no timer, no sample.
  await advance(2000);
  assert.equal(clock.nextDueMs(), undefined);
});

test("what ignores SIGTERM is killed after its stop timeout, and not before", async () => {
  const { engine, host, advance, last } = room();
  engine.programs.set("web", stubborn);
  host.run(spec("one", container("web", { stopTimeoutMs: 7000 })));
  await advance(200);
  host.stop("one", { code: "UserInitiated", reason: "enough" });
  await advance(6999);
  assert.equal(last("one").over, false);
  await advance(1);
  assert.equal(last("one").over, true);
  assert.equal(last("one").containers[0]!.exitCode, 137);
  assert.equal(last("one").containers[0]!.reason, undefined);
});

test("several containers share the network of one that does nothing, and are cleared away together", async () => {
  const { engine, host, advance, phases } = room();
  engine.programs.set("init", async ({ spec: { network } }) => (network.kind === "shared" ? 0 : 1));
  host.run(spec("two", container("init", { essential: false }), container("web", on("init", "SUCCESS"))));
  await advance(1000);
  assert.deepEqual(phases("two"), ["exited", "running"]);
  assert.deepEqual(
    engine.created.map(({ image, network }) => [image, network.kind]),
    [
      ["virga/pause:1", "own"],
      ["init", "shared"],
      ["web", "shared"],
    ],
  );
  host.stop("two", { code: "UserInitiated", reason: "enough" });
  await advance(100);
  assert.equal(engine.containers.size, 0);
});

test("an image that is nowhere fails the task and says which", async () => {
  const { engine, host, advance, last } = room();
  engine.images.add("other");
  host.run(spec("one", container("web")));
  await advance(100);
  assert.deepEqual(last("one").stop, {
    code: "TaskFailedToStart",
    reason: "CannotPullContainerError: web: the container engine neither holds nor gets this image: no such host",
  });
  assert.equal(last("one").over, true);
});

test("memory: a container that the kernel killed says so", async () => {
  const { engine, host, advance, last } = room();
  engine.programs.set("web", async (self) => {
    self.end(137, true);
    return 137;
  });
  host.run(spec("one", container("web")));
  await advance(1000);
  assert.equal(last("one").containers[0]!.reason, "OutOfMemoryError: Container killed due to memory usage");
  assert.equal(last("one").stop!.code, "EssentialContainerExited");
});

test("health: checks at intervals, unhealthy after retries, not counted in the start period", async () => {
  const { engine, host, advance, last } = room();
  engine.healthy.set("web", 1);
  const healthCheck = { command: ["true"], intervalMs: 10_000, timeoutMs: 5000, retries: 2, startPeriodMs: 15_000 };
  host.run(spec("one", container("web", { healthCheck })));
  await advance(29_000);
  assert.equal(last("one").containers[0]!.health, "UNKNOWN");
  await advance(2000);
  assert.equal(last("one").containers[0]!.health, "UNHEALTHY");
  engine.healthy.set("web", 0);
  await advance(10_000);
  assert.equal(last("one").containers[0]!.health, "HEALTHY");
});

test("an engine that is away is waited for, and nothing is doubled", async () => {
  const { engine, host, advance, phases, last } = room();
  engine.available = false;
  host.run(spec("one", container("web")));
  await advance(5000);
  assert.deepEqual(phases("one"), ["starting"]);
  assert.equal(last("one").containers[0]!.reason, "The container engine does not answer.");
  engine.available = true;
  await advance(10_000);
  assert.deepEqual(phases("one"), ["running"]);
  assert.equal(engine.containers.size, 1);
  assert.equal(last("one").containers[0]!.reason, undefined);
});

test("after a crash running tasks are taken over, lost ones have ended, orphans are ended", async () => {
  const first = room();
  for (const key of ["kept", "lost", "orphan"]) first.host.run(spec(key, container("web")));
  await first.advance(200);
  assert.equal(first.engine.live().length, 3);
  const lost = first.engine.live().find(({ spec: { labels } }) => labels["virga.task"] === "lost")!;
  await first.host.close(false);
  first.engine.containers.delete(lost.id);

  const second = room(first.clock, first.engine);
  const known: Record<string, KnownContainer> = { web: { started: true } };
  second.host.run(spec("kept", container("web")), known);
  second.host.run(spec("lost", container("web")), known);
  assert.equal(await second.host.sweep(new Set(["kept", "lost"])), 1);
  await second.advance(200);
  assert.deepEqual(second.phases("kept"), ["running"]);
  assert.deepEqual(second.phases("lost"), ["exited"]);
  assert.match(second.last("lost").containers[0]!.reason!, /gone/);
  assert.deepEqual(
    second.engine.live().map(({ spec: { labels } }) => labels["virga.task"]),
    ["kept"],
  );
  assert.equal(second.engine.created.length, 3);
  // What was taken over is watched.
  second.engine.live()[0]!.end(5);
  await second.advance(100);
  assert.equal(second.last("kept").containers[0]!.exitCode, 5);
});

test("a crash between create and start: the container that exists is started, not another", async () => {
  const first = room();
  await first.engine.create({
    ...container("web").container,
    name: "virga-01234567-one-web",
    labels: { "virga.instance": "0123456789abcdef", "virga.task": "one", "virga.container": "web" },
    network: { kind: "own", address: "169.254.170.9", publish: [] },
  });
  first.host.run(spec("one", container("web")));
  await first.advance(200);
  assert.equal(first.engine.created.length, 1);
  assert.equal(first.engine.live().length, 1);
  assert.equal(first.last("one").address, "169.254.170.9");
});

test("a task stopped while it starts is not started, or ended at once", async () => {
  const { engine, host, advance, last } = room();
  engine.startMs = 5000;
  host.run(spec("one", container("web")));
  await advance(1000);
  host.stop("one", { code: "UserInitiated", reason: "enough" });
  await advance(10_000);
  assert.equal(last("one").over, true);
  assert.equal(engine.containers.size, 0);
});

test("closing ends tasks within seconds, whatever their stop timeout", async () => {
  const { engine, host, advance, clock } = room();
  engine.programs.set("web", stubborn);
  host.run(spec("one", container("web", { stopTimeoutMs: 120_000 })));
  await advance(200);
  const closed = host.close(true);
  await advance(6000);
  await closed;
  assert.equal(engine.live().length, 0);
  await sleep(clock, 0, AbortSignal.abort());
});

test("sockets: what is asked for, DOCKER_HOST, the usual places", () => {
  const exists = (path: string) => path === "/run/podman/podman.sock";
  assert.deepEqual(findSocket({ exists }), { kind: "socket", path: "/run/podman/podman.sock" });
  assert.deepEqual(findSocket({ dockerHost: "unix:///a.sock", exists }), { kind: "socket", path: "/a.sock" });
  assert.deepEqual(findSocket({ asked: "/b.sock", dockerHost: "unix:///a.sock", exists }), {
    kind: "socket",
    path: "/b.sock",
  });
  assert.deepEqual(parseAddress("tcp://127.0.0.1:2375"), { kind: "tcp", host: "127.0.0.1", port: 2375 });
  assert.equal(findSocket({ exists: () => false }), undefined);
  assert.throws(() => parseAddress("ssh://host"), /ssh:\/\/host is no address/);
});

test("the pause program is a whole ELF in a whole archive", () => {
  for (const architecture of ["amd64", "arm64"]) {
    const archive = pauseArchive(architecture);
    assert.equal(archive.length % 512, 0);
    assert.equal(archive.subarray(512, 516).toString("latin1"), "\x7fELF");
    const size = Number.parseInt(archive.toString("latin1", 124, 135), 8);
    assert.equal(archive.readBigUInt64LE(512 + 96), BigInt(size));
  }
  assert.throws(() => pauseArchive("mips"), /mips/);
});
