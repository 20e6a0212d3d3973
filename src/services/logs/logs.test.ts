import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import type { InputOf, Service } from "../service.ts";
import { logs } from "./service.ts";

const NOW = Date.UTC(2026, 0, 15);
const DAY = 86_400_000;
const GROUP = { logGroupName: "/app/web" };
const STREAM = { ...GROUP, logStreamName: "a" };

async function withLogs(run: (platform: TestPlatform) => Promise<void>): Promise<void> {
  const platform = await openTestPlatform({ nowMs: NOW, services: [logs] as unknown as Service[] });
  try {
    await platform.call("logs", "CreateLogGroup", GROUP);
    await platform.call("logs", "CreateLogStream", STREAM);
    await run(platform);
  } finally {
    await platform.close();
  }
}

const put = (platform: TestPlatform, lines: readonly (readonly [number, string])[], logStreamName = "a") =>
  platform.call("logs", "PutLogEvents", {
    ...GROUP,
    logStreamName,
    logEvents: lines.map(([timestamp, message]) => ({ timestamp, message })),
  });

const filter = async (platform: TestPlatform, input: Partial<InputOf<"logs", "FilterLogEvents">> = {}) =>
  (await platform.call("logs", "FilterLogEvents", { ...GROUP, ...input })).events!.map(({ message }) => message);

test("groups and streams are created once, described by prefix and page, and deleted", () =>
  withLogs(async (platform) => {
    await assert.rejects(platform.call("logs", "CreateLogGroup", GROUP), {
      code: "ResourceAlreadyExistsException",
      message: "The specified log group already exists",
    });
    await assert.rejects(platform.call("logs", "CreateLogStream", STREAM), {
      message: "The specified log stream already exists",
    });
    await assert.rejects(platform.call("logs", "CreateLogGroup", { logGroupName: "a b" }), {
      code: "InvalidParameterException",
      message:
        "1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+",
    });
    for (const logGroupName of ["/app/api", "/app/zoo", "/other"])
      await platform.call("logs", "CreateLogGroup", { logGroupName });
    const names: string[] = [];
    let nextToken: string | undefined;
    do {
      const page = await platform.call("logs", "DescribeLogGroups", {
        logGroupNamePrefix: "/app",
        limit: 2,
        nextToken,
      });
      names.push(...page.logGroups!.map(({ logGroupName }) => logGroupName!));
      nextToken = page.nextToken;
    } while (nextToken);
    assert.deepEqual(names, ["/app/api", "/app/web", "/app/zoo"]);
    const { logGroups } = await platform.call("logs", "DescribeLogGroups", { logGroupNamePattern: "the" });
    assert.equal(logGroups![0]!.arn, "arn:aws:logs:us-east-1:000000000000:log-group:/other:*");

    await put(platform, [[NOW, "gone soon"]]);
    await platform.call("logs", "DeleteLogGroup", GROUP);
    await platform.settle();
    await assert.rejects(platform.call("logs", "DescribeLogStreams", GROUP), {
      code: "ResourceNotFoundException",
      message: "The specified log group does not exist.",
    });
    await platform.call("logs", "CreateLogGroup", GROUP);
    assert.deepEqual(await filter(platform), []);
    const left = await platform.flow().write((tx) => [...tx.range("\x03logs" as never, "\x03logt" as never)].length);
    assert.equal(left, 4, "only the four groups are stored");
  }));

test("streams are ordered by name or by their last event", () =>
  withLogs(async (platform) => {
    for (const logStreamName of ["b", "c"]) await platform.call("logs", "CreateLogStream", { ...GROUP, logStreamName });
    await put(platform, [[NOW - 5, "x"]], "b");
    await put(platform, [[NOW - 9, "y"]], "a");
    const order = async (input: Partial<InputOf<"logs", "DescribeLogStreams">>) =>
      (await platform.call("logs", "DescribeLogStreams", { ...GROUP, ...input })).logStreams!.map(
        ({ logStreamName }) => logStreamName,
      );
    assert.deepEqual(await order({}), ["a", "b", "c"]);
    assert.deepEqual(await order({ orderBy: "LastEventTime", descending: true }), ["b", "a", "c"]);
    const first = await platform.call("logs", "DescribeLogStreams", { ...GROUP, limit: 2 });
    assert.deepEqual(await order({ limit: 2, nextToken: first.nextToken }), ["c"]);
    const { logStreams } = await platform.call("logs", "DescribeLogStreams", { ...GROUP, logStreamNamePrefix: "b" });
    assert.equal(logStreams!.length, 1);
    assert.equal(logStreams![0]!.firstEventTimestamp, NOW - 5);
    assert.equal(logStreams![0]!.lastIngestionTime, NOW);
    await platform.call("logs", "DeleteLogStream", { ...GROUP, logStreamName: "b" });
    await platform.settle();
    assert.deepEqual(await filter(platform), ["y"]);
  }));

test("events outside the window are rejected by index, and the rest is kept", () =>
  withLogs(async (platform) => {
    await platform.call("logs", "PutRetentionPolicy", { ...GROUP, retentionInDays: 7 });
    // A batch may not span more than a day, so each end is tried alone.
    assert.deepEqual(
      (
        await put(platform, [
          [NOW - 15 * DAY, "old"],
          [NOW - 14 * DAY, "less"],
        ])
      ).rejectedLogEventsInfo,
      {
        tooOldLogEventEndIndex: 1,
        expiredLogEventEndIndex: 2,
      },
    );
    assert.deepEqual(
      (
        await put(platform, [
          [NOW, "now"],
          [NOW + 3 * 3_600_000, "new"],
        ])
      ).rejectedLogEventsInfo,
      {
        tooNewLogEventStartIndex: 1,
      },
    );
    assert.deepEqual(await filter(platform), ["now"]);
    await assert.rejects(
      put(platform, [
        [NOW, "b"],
        [NOW - 1, "a"],
      ]),
      {
        message: "Log events in a single PutLogEvents request must be in chronological order.",
      },
    );
    await assert.rejects(
      put(platform, [
        [NOW - 2 * DAY, "b"],
        [NOW, "a"],
      ]),
      { message: /cannot span more than 24 hours\.$/ },
    );
    await assert.rejects(put(platform, [[NOW, "x".repeat(1_048_576)]]), {
      message: /^Upload too large: 1048602 bytes/,
    });
    await assert.rejects(put(platform, []), { code: "InvalidParameterException" });
    await assert.rejects(put(platform, [[NOW, "x"]], "missing"), {
      message: "The specified log stream does not exist.",
    });
  }));

test("a stream is read from its end backwards, and from its head forwards", () =>
  withLogs(async (platform) => {
    await put(
      platform,
      Array.from({ length: 10 }, (_, n) => [NOW + Math.floor(n / 2), `line ${n}`] as const),
    );
    const read = (input: Partial<InputOf<"logs", "GetLogEvents">>) =>
      platform.call("logs", "GetLogEvents", { ...STREAM, ...input });
    const text = (page: Awaited<ReturnType<typeof read>>) =>
      page.events!.map(({ message }) => Number(message!.slice(5)));

    const last = await read({ limit: 3 });
    assert.deepEqual(text(last), [7, 8, 9]);
    const before = await read({ limit: 3, nextToken: last.nextBackwardToken });
    assert.deepEqual(text(before), [4, 5, 6]);
    const end = await read({ limit: 3, nextToken: last.nextForwardToken });
    assert.deepEqual(text(end), []);
    assert.equal(end.nextForwardToken, last.nextForwardToken);

    let page = await read({ limit: 4, startFromHead: true });
    const seen: number[] = [];
    for (let token = ""; token !== page.nextForwardToken; ) {
      seen.push(...text(page));
      token = page.nextForwardToken!;
      page = await read({ limit: 4, startFromHead: true, nextToken: token });
    }
    assert.deepEqual(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.deepEqual(text(await read({ startTime: NOW + 1, endTime: NOW + 3 })), [2, 3, 4, 5]);
    await put(platform, [[NOW + 9, "line 10"]]);
    assert.deepEqual(text(await read({ nextToken: end.nextForwardToken })), [10]);
    await assert.rejects(read({ nextToken: "f/1" }), { message: "The specified nextToken is invalid." });
  }));

test("a search goes over all streams in the order of time, page by page", () =>
  withLogs(async (platform) => {
    await platform.call("logs", "CreateLogStream", { ...GROUP, logStreamName: "b" });
    await put(platform, [
      [NOW, "a0 INFO"],
      [NOW + 2, "a2 ERROR"],
      [NOW + 4, "a4 ERROR"],
    ]);
    await put(
      platform,
      [
        [NOW + 1, "b1 ERROR"],
        [NOW + 3, "b3 INFO"],
      ],
      "b",
    );
    assert.deepEqual(await filter(platform), ["a0 INFO", "b1 ERROR", "a2 ERROR", "b3 INFO", "a4 ERROR"]);
    assert.deepEqual(await filter(platform, { filterPattern: "ERROR" }), ["b1 ERROR", "a2 ERROR", "a4 ERROR"]);
    assert.deepEqual(await filter(platform, { startTime: NOW + 1, endTime: NOW + 3 }), [
      "b1 ERROR",
      "a2 ERROR",
      "b3 INFO",
    ]);
    assert.deepEqual(await filter(platform, { logStreamNames: ["b"] }), ["b1 ERROR", "b3 INFO"]);
    assert.deepEqual(await filter(platform, { logStreamNamePrefix: "a" }), ["a0 INFO", "a2 ERROR", "a4 ERROR"]);
    assert.deepEqual(await filter(platform, { startFromHead: false, limit: 2 }), ["a4 ERROR", "b3 INFO"]);
    for (const startFromHead of [true, false]) {
      const messages: string[] = [];
      const ids = new Set<string>();
      let nextToken: string | undefined;
      do {
        const page = await platform.call("logs", "FilterLogEvents", { ...GROUP, limit: 2, nextToken, startFromHead });
        for (const { message, eventId } of page.events!) {
          messages.push(message!);
          ids.add(eventId!);
        }
        nextToken = page.nextToken;
      } while (nextToken);
      const expected = ["a0 INFO", "b1 ERROR", "a2 ERROR", "b3 INFO", "a4 ERROR"];
      assert.deepEqual(messages, startFromHead ? expected : expected.reverse());
      assert.equal(ids.size, 5);
    }
    await assert.rejects(filter(platform, { filterPattern: "{ nonsense" }), { message: "Invalid filter pattern" });
    await assert.rejects(filter(platform, { nextToken: "x" }), { message: "The specified nextToken is invalid." });
  }));

test("expired events are hidden at once and removed soon after", () =>
  withLogs(async (platform) => {
    await put(platform, [[NOW - 13 * DAY, "old"]]);
    await put(platform, [[NOW, "new"]]);
    const stored = async () => (await platform.call("logs", "DescribeLogGroups", {})).logGroups![0]!.storedBytes;
    assert.equal(await stored(), 29 + 29);
    await platform.call("logs", "PutRetentionPolicy", { ...GROUP, retentionInDays: 5 });
    assert.deepEqual(await filter(platform), ["new"]);
    await platform.settle();
    assert.equal(await stored(), 29);
    await platform.advance(4.9 * DAY);
    assert.deepEqual(await filter(platform), ["new"]);
    await platform.advance(0.2 * DAY);
    assert.deepEqual(await filter(platform), []);
    assert.equal(await stored(), 0);
    await platform.call("logs", "DeleteRetentionPolicy", GROUP);
    assert.equal((await platform.call("logs", "DescribeLogGroups", {})).logGroups![0]!.retentionInDays, undefined);
    await assert.rejects(platform.call("logs", "PutRetentionPolicy", { ...GROUP, retentionInDays: 6 }), {
      code: "InvalidParameterException",
    });
  }));

test("groups are listed by a part of their names; a protected one is not deleted", () =>
  withLogs(async (platform) => {
    await platform.call("logs", "CreateLogGroup", { logGroupName: "/web/app", deletionProtectionEnabled: true });
    const names = async (logGroupNamePattern: string) =>
      (await platform.call("logs", "ListLogGroups", { logGroupNamePattern })).logGroups!.map(
        ({ logGroupName }) => logGroupName,
      );
    assert.deepEqual(await names("web"), ["/app/web", "/web/app"]);
    assert.deepEqual(await names("^/web"), ["/web/app"]);
    await assert.rejects(platform.call("logs", "DeleteLogGroup", { logGroupName: "/web/app" }), {
      code: "ValidationException",
    });
    await platform.call("logs", "PutLogGroupDeletionProtection", {
      logGroupIdentifier: "/web/app",
      deletionProtectionEnabled: false,
    });
    await platform.call("logs", "DeleteLogGroup", { logGroupName: "/web/app" });
  }));

test("tags, the new way and the old", () =>
  withLogs(async (platform) => {
    const resourceArn = "arn:aws:logs:us-east-1:000000000000:log-group:/app/web";
    await platform.call("logs", "TagResource", { resourceArn, tags: { a: "1", b: "2" } });
    await platform.call("logs", "TagLogGroup", { ...GROUP, tags: { c: "3" } });
    await platform.call("logs", "UntagResource", { resourceArn, tagKeys: ["a"] });
    await platform.call("logs", "UntagLogGroup", { ...GROUP, tags: ["b"] });
    assert.deepEqual((await platform.call("logs", "ListTagsForResource", { resourceArn: `${resourceArn}:*` })).tags, {
      c: "3",
    });
    assert.deepEqual((await platform.call("logs", "ListTagsLogGroup", GROUP)).tags, { c: "3" });
    const missing = resourceArn.replace("web", "none");
    await assert.rejects(platform.call("logs", "ListTagsForResource", { resourceArn: missing }), {
      code: "ResourceNotFoundException",
    });
  }));
