import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { createAuthorize } from "../../../platform/authorization.ts";
import { openTestPlatform, type TestPlatform } from "../../../platform/testing.ts";
import { fakePorts } from "../../lambda/testing.ts";
import type { InputOf } from "../../service.ts";

const ACCOUNT = "000000000000";
const queueArn = (name: string) => `arn:aws:sqs:us-east-1:${ACCOUNT}:${name}`;
type Configuration = NonNullable<InputOf<"s3", "PutBucketNotificationConfiguration">["NotificationConfiguration"]>;
type Rule = NonNullable<Configuration["QueueConfigurations"]>[number];

/** A bucket and a queue, and short words for what tests do to them. */
async function withBucket(
  run: (bucket: ReturnType<typeof driver>) => Promise<void>,
  options: Parameters<typeof openTestPlatform>[0] = {},
): Promise<void> {
  const platform = await openTestPlatform({ seed: 4, ...options });
  try {
    await platform.call("s3", "CreateBucket", { Bucket: "photos" });
    await platform.call("sqs", "CreateQueue", { QueueName: "q" });
    await run(driver(platform));
  } finally {
    await platform.close();
  }
}

function driver(platform: TestPlatform) {
  const put = (NotificationConfiguration: Configuration, more: object = {}) =>
    platform.call("s3", "PutBucketNotificationConfiguration", { Bucket: "photos", NotificationConfiguration, ...more });
  const received = async (name = "q"): Promise<any[]> => {
    const all: any[] = [];
    for (;;) {
      const { Messages = [] } = await platform.call("sqs", "ReceiveMessage", {
        QueueUrl: `http://localhost:4566/${ACCOUNT}/${name}`,
        MaxNumberOfMessages: 10,
        VisibilityTimeout: 1000,
      });
      if (Messages.length === 0) return all;
      all.push(...Messages.map(({ Body }) => JSON.parse(Body!)));
    }
  };
  return {
    platform,
    put,
    received,
    /** One rule to the queue. */
    rule: (Events: string[], more: Partial<Rule> = {}) =>
      put({ QueueConfigurations: [{ QueueArn: queueArn("q"), Events: Events as never, ...more }] }),
    upload: (Key: string, Body = "bytes") =>
      platform.call("s3", "PutObject", { Bucket: "photos", Key, Body: Body as never }),
    /** Names of events and keys, the test event left out. */
    told: async (name = "q") =>
      (await received(name)).flatMap(({ Records = [] }) =>
        Records.map((one: any) => `${one.eventName} ${one.s3.object.key}`),
      ),
  };
}

const filter = (prefix: string | undefined, suffix?: string): Partial<Rule> => ({
  Filter: {
    Key: {
      FilterRules: [
        ...(prefix === undefined ? [] : [{ Name: "prefix" as const, Value: prefix }]),
        ...(suffix === undefined ? [] : [{ Name: "suffix" as const, Value: suffix }]),
      ],
    },
  },
});

test("the document, member by member, and the test event before it", async () => {
  await withBucket(async ({ platform, rule, upload, received }) => {
    await rule(["s3:ObjectCreated:*"], { Id: "all" });
    const [probe] = await received();
    assert.deepEqual(Object.keys(probe), ["Service", "Event", "Time", "Bucket", "RequestId", "HostId"]);
    assert.deepEqual([probe.Service, probe.Event, probe.Bucket], ["Amazon S3", "s3:TestEvent", "photos"]);
    await upload("a b/ü(1)+~.jpg");
    const [{ Records }] = await received();
    const [record] = Records;
    assert.match(record.userIdentity.principalId, /^A[A-Z0-9]{13}$/);
    assert.deepEqual(record, {
      eventVersion: "2.1",
      eventSource: "aws:s3",
      awsRegion: "us-east-1",
      eventTime: "2026-01-01T00:00:00.000Z",
      eventName: "ObjectCreated:Put",
      userIdentity: record.userIdentity,
      requestParameters: { sourceIPAddress: "127.0.0.1" },
      responseElements: record.responseElements,
      s3: {
        s3SchemaVersion: "1.0",
        configurationId: "all",
        bucket: { name: "photos", ownerIdentity: record.userIdentity, arn: "arn:aws:s3:::photos" },
        object: {
          key: "a+b/%C3%BC%281%29%2B%7E.jpg",
          size: 5,
          eTag: "4b3a6218bb3e3a7303e8a171a60fcf92",
          sequencer: record.s3.object.sequencer,
        },
      },
    });
    assert.match(record.s3.object.sequencer, /^[0-9A-F]{18}$/);
    assert.match(record.responseElements["x-amz-request-id"], /^[0-9A-F]{16}$/);
    const { QueueConfigurations } = await platform.call("s3", "GetBucketNotificationConfiguration", {
      Bucket: "photos",
    });
    assert.deepEqual(QueueConfigurations, [{ Id: "all", Events: ["s3:ObjectCreated:*"], QueueArn: queueArn("q") }]);
  });
});

test("every way to change an object has its event", async () => {
  await withBucket(async ({ platform, rule, upload, told }) => {
    await rule(["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*"]);
    const Bucket = "photos";
    await upload("put");
    await platform.call("s3", "CopyObject", { Bucket, Key: "copy", CopySource: "photos/put" });
    const { UploadId } = await platform.call("s3", "CreateMultipartUpload", { Bucket, Key: "parts" });
    const { ETag } = await platform.call("s3", "UploadPart", {
      Bucket,
      Key: "parts",
      UploadId,
      PartNumber: 1,
      Body: "x" as never,
    });
    const aborted = await platform.call("s3", "CreateMultipartUpload", { Bucket, Key: "aborted" });
    await platform.call("s3", "AbortMultipartUpload", { Bucket, Key: "aborted", UploadId: aborted.UploadId });
    await platform.call("s3", "CompleteMultipartUpload", {
      Bucket,
      Key: "parts",
      UploadId,
      MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] },
    });
    await platform.call("s3", "PutObjectTagging", {
      Bucket,
      Key: "put",
      Tagging: { TagSet: [{ Key: "a", Value: "b" }] },
    });
    await platform.call("s3", "DeleteObjectTagging", { Bucket, Key: "put" });
    await platform.call("s3", "DeleteObject", { Bucket, Key: "put" });
    await platform.call("s3", "DeleteObject", { Bucket, Key: "was never there" });
    await platform.call("s3", "DeleteObjects", { Bucket, Delete: { Objects: [{ Key: "copy" }, { Key: "parts" }] } });
    assert.deepEqual(await told(), [
      "ObjectCreated:Put put",
      "ObjectCreated:Copy copy",
      "ObjectCreated:CompleteMultipartUpload parts",
      "ObjectTagging:Put put",
      "ObjectTagging:Delete put",
      "ObjectRemoved:Delete put",
      "ObjectRemoved:Delete copy",
      "ObjectRemoved:Delete parts",
    ]);
  });
});

test("a browser's form is told as Post", async () => {
  await withBucket(async ({ platform, rule, told }) => {
    await rule(["s3:ObjectCreated:Post"]);
    const boundary = "edge";
    const field = (name: string, value: string) =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
    const body = `${field("key", "in/${filename}")}--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="cat.jpg"\r\n\r\nmeow\r\n--${boundary}--\r\n`;
    const front = platform.core.services.get("s3")!.fronts!.find(({ name }) => name === "s3 form upload by path")!;
    const response = await front.handle(
      platform.flow(),
      {
        method: "POST",
        path: "/",
        query: "",
        headers: { "content-type": `multipart/form-data; boundary=${boundary}` },
        rawHeaders: [],
        host: "localhost",
        sourceIp: "127.0.0.1",
        protocol: "HTTP/1.1",
        body: Readable.from([Buffer.from(body)]),
        readBody: async () => Buffer.from(body),
        signerOfForm: () => ({ principal: platform.flow().principal, accountId: platform.flow().accountId }),
      },
      { bucket: "photos" },
    );
    assert.equal(response.status, 204);
    assert.deepEqual(await told(), ["ObjectCreated:Post in/cat.jpg"]);
  });
});

test("versions: markers and removals name theirs, and sequencers grow whatever happens", async () => {
  await withBucket(async ({ platform, rule, upload, received }) => {
    const Bucket = "photos";
    await platform.call("s3", "PutBucketVersioning", { Bucket, VersioningConfiguration: { Status: "Enabled" } });
    await rule(["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]);
    const { VersionId } = await upload("k");
    const marker = await platform.call("s3", "DeleteObject", { Bucket, Key: "k" });
    await platform.call("s3", "DeleteObject", { Bucket, Key: "k", VersionId: marker.VersionId });
    await platform.call("s3", "DeleteObject", { Bucket, Key: "k", VersionId });
    await upload("k");
    const records = (await received()).flatMap(({ Records = [] }) => Records);
    const shown = records.map(({ eventName, s3 }) => [eventName, s3.object.versionId, s3.object.eTag !== undefined]);
    assert.deepEqual(shown.slice(0, 4), [
      ["ObjectCreated:Put", VersionId, true],
      ["ObjectRemoved:DeleteMarkerCreated", marker.VersionId, true],
      ["ObjectRemoved:Delete", marker.VersionId, false],
      ["ObjectRemoved:Delete", VersionId, false],
    ]);
    const sequencers = records.map(({ s3 }) => s3.object.sequencer);
    assert.deepEqual(sequencers, [...new Set(sequencers)].sort());
  });
});

describe("filters", () => {
  const cases: readonly [rule: Partial<Rule>, key: string, told: boolean][] = [
    [filter("in/"), "in/a.jpg", true],
    [filter("in/"), "out/a.jpg", false],
    [filter(undefined, ".jpg"), "a.jpg", true],
    [filter(undefined, ".jpg"), "a.JPG", false],
    [filter("in/", ".jpg"), "in/a.png", false],
    [filter("my+folder/"), "my folder/a", true],
    [filter("year%3D2026/"), "year=2026/a", true],
    [filter("year=2026/"), "year=2026/a", true],
    [filter(""), "anything", true],
    [filter("50%"), "50% off", true],
  ];
  for (const [rule, key, wanted] of cases) {
    test(`${JSON.stringify(rule.Filter!.Key!.FilterRules)} ${wanted ? "tells" : "does not tell"} of ${key}`, async () => {
      await withBucket(async (bucket) => {
        await bucket.rule(["s3:ObjectCreated:Put"], rule);
        await bucket.upload(key);
        assert.equal((await bucket.told()).length, wanted ? 1 : 0);
      });
    });
  }
});

describe("what is refused", () => {
  const created = ["s3:ObjectCreated:*"] as never;
  const to = (more: Partial<Rule>): Rule => ({ QueueArn: queueArn("q"), Events: created, ...more });
  const overlap =
    "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are overlapping for the same event type.";
  const cases: readonly [what: string, rules: Rule[], error: { code?: string; message: string | RegExp }][] = [
    [
      "an unknown event",
      [to({ Events: ["s3:ObjectEaten"] as never })],
      { code: "InvalidArgument", message: "The event is not supported for notifications" },
    ],
    [
      "an event that never happens here",
      [to({ Events: ["s3:ObjectRestore:*"] as never })],
      { code: "NotImplemented", message: /the S3 event type s3:ObjectRestore:\*/ },
    ],
    ["no event", [to({ Events: [] as never })], { code: "MalformedXML", message: /not well-formed/ }],
    [
      "another filter",
      [to({ Filter: { Key: { FilterRules: [{ Name: "infix" as never, Value: "x" }] } } })],
      { code: "InvalidArgument", message: "filter rule name must be either prefix or suffix" },
    ],
    [
      "two prefixes",
      [
        to({
          Filter: {
            Key: {
              FilterRules: [
                { Name: "prefix", Value: "x" },
                { Name: "Prefix" as never, Value: "y" },
              ],
            },
          },
        }),
      ],
      { message: "Cannot specify more than one prefix rule in a filter." },
    ],
    [
      "no ARN of a queue",
      [to({ QueueArn: `arn:aws:sns:us-east-1:${ACCOUNT}:t` })],
      { message: "The ARN could not be parsed" },
    ],
    [
      "another region",
      [to({ QueueArn: `arn:aws:sqs:eu-west-1:${ACCOUNT}:q` })],
      { message: "The notification destination service region is not valid for the bucket location constraint" },
    ],
    [
      "the same id twice",
      [to({ Id: "x", ...filter("a") }), to({ Id: "x", ...filter("b") })],
      { message: "Same ID used for multiple configurations. IDs must be unique" },
    ],
    [
      "two rules for everything",
      [to({}), to({})],
      { message: "Configurations overlap. Configurations on the same bucket cannot share a common event type." },
    ],
    ["a prefix within another", [to(filter("images/")), to(filter("images/a"))], { message: overlap }],
    ["a suffix within another", [to(filter(undefined, ".jpg")), to(filter(undefined, "a.jpg"))], { message: overlap }],
    [
      "a wildcard over an event",
      [to(filter("a")), to({ ...filter("a"), Events: ["s3:ObjectCreated:Put"] as never })],
      { message: overlap },
    ],
  ];
  for (const [what, QueueConfigurations, error] of cases) {
    test(what, () =>
      withBucket(async ({ put, received }) => {
        await assert.rejects(put({ QueueConfigurations }), error);
        assert.deepEqual(await received(), [], "nothing was sent");
      }),
    );
  }

  test("but not what never meets", () =>
    withBucket(async ({ put }) => {
      await put({
        QueueConfigurations: [
          to(filter("a", ".jpg")),
          to(filter("a", ".png")),
          to(filter("b")),
          to({ Events: ["s3:ObjectRemoved:*"] as never }),
        ],
      });
    }));

  test("destinations that are not there", () =>
    withBucket(async ({ platform, put }) => {
      const refused = (reason: string) => (error: any) => {
        assert.equal(error.code, "InvalidArgument");
        assert.equal(error.message, "Unable to validate the following destination configurations");
        assert.equal(error.detail.ArgumentValue1, reason);
        return true;
      };
      const queue = { QueueConfigurations: [to({ QueueArn: queueArn("none") })] };
      await assert.rejects(put(queue), refused("The destination queue does not exist"));
      const TopicArn = `arn:aws:sns:us-east-1:${ACCOUNT}:none`;
      await assert.rejects(
        put({ TopicConfigurations: [{ TopicArn, Events: created }] }),
        refused("The destination topic does not exist"),
      );
      const LambdaFunctionArn = `arn:aws:lambda:us-east-1:${ACCOUNT}:function:none`;
      await assert.rejects(
        put({ LambdaFunctionConfigurations: [{ LambdaFunctionArn, Events: created }] }),
        refused("The destination Lambda does not exist"),
      );
      await put(queue, { SkipDestinationValidation: true });
      await platform.call("s3", "PutObject", { Bucket: "photos", Key: "k", Body: "x" as never });
      await put({});
      assert.deepEqual(await platform.call("s3", "GetBucketNotificationConfiguration", { Bucket: "photos" }), {});
    }));
});

test("a queue that is away is told when it is back", async () => {
  await withBucket(async ({ platform, put, upload, told }) => {
    await put(
      { QueueConfigurations: [{ QueueArn: queueArn("later"), Events: ["s3:ObjectCreated:*"] }] },
      { SkipDestinationValidation: true },
    );
    await upload("k");
    await platform.settle();
    await platform.call("sqs", "CreateQueue", { QueueName: "later" });
    await platform.advance(10_000);
    assert.deepEqual(await told("later"), ["ObjectCreated:Put k"]);
  });
});

test("a topic hands the document on, with a subject", async () => {
  await withBucket(async ({ platform, put, upload, received }) => {
    const { TopicArn } = await platform.call("sns", "CreateTopic", { Name: "t" });
    await platform.call("sns", "Subscribe", { TopicArn, Protocol: "sqs", Endpoint: queueArn("q") });
    await put({ TopicConfigurations: [{ TopicArn, Events: ["s3:ObjectCreated:*"] }] });
    await upload("k");
    const [probe, event] = await received();
    assert.equal(JSON.parse(probe.Message).Event, "s3:TestEvent");
    assert.equal(event.Subject, "Amazon S3 Notification");
    assert.equal(JSON.parse(event.Message).Records[0].s3.object.key, "k");
  });
});

test("EventBridge's default bus hears of everything, in a structure of its own", async () => {
  await withBucket(async ({ platform, put, upload, received }) => {
    await platform.call("events", "PutRule", { Name: "photos", EventPattern: '{"source":["aws.s3"]}' });
    await platform.call("events", "PutTargets", { Rule: "photos", Targets: [{ Id: "q", Arn: queueArn("q") }] });
    await put({ EventBridgeConfiguration: {} });
    const configuration = await platform.call("s3", "GetBucketNotificationConfiguration", { Bucket: "photos" });
    assert.deepEqual(configuration, { EventBridgeConfiguration: {} });
    await upload("a b.jpg");
    await platform.call("s3", "DeleteObject", { Bucket: "photos", Key: "a b.jpg" });
    await platform.settle();
    const [created, deleted] = await received();
    assert.equal(created["detail-type"], "Object Created");
    assert.deepEqual(created.resources, ["arn:aws:s3:::photos"]);
    const { object, "request-id": id, ...detail } = created.detail;
    assert.match(id, /^[0-9A-F]{16}$/);
    assert.deepEqual([object.key, object.size, object.etag], ["a b.jpg", 5, "4b3a6218bb3e3a7303e8a171a60fcf92"]);
    assert.deepEqual(detail, { version: "0", bucket: { name: "photos" }, requester: ACCOUNT, reason: "PutObject" });
    assert.equal(deleted["detail-type"], "Object Deleted");
    assert.equal(deleted.detail["deletion-type"], "Permanently Deleted");
  });
});

describe("functions", () => {
  async function withFunction(
    run: (bucket: ReturnType<typeof driver>, arn: string, runs: { event: any }[]) => Promise<void>,
    options: Parameters<typeof openTestPlatform>[0] = {},
  ) {
    const lambda = fakePorts();
    await withBucket(
      async (bucket) => {
        const { platform } = bucket;
        const { Role } = await platform.call("iam", "CreateRole", {
          RoleName: "r",
          AssumeRolePolicyDocument: JSON.stringify({
            Version: "2012-10-17",
            Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }],
          }),
        });
        const { FunctionArn } = await platform.call("lambda", "CreateFunction", {
          FunctionName: "thumb",
          Role: Role!.Arn!,
          Runtime: "nodejs22.x",
          Handler: "index.handler",
          Code: { ZipFile: Buffer.from("zip") },
        });
        await run(bucket, FunctionArn!, lambda.runs as { event: any }[]);
      },
      { ...options, ports: { lambda } },
    );
  }

  test("are called with the event, after the upload has committed", () =>
    withFunction(async ({ platform, put, upload }, LambdaFunctionArn, runs) => {
      await put({ LambdaFunctionConfigurations: [{ LambdaFunctionArn, Events: ["s3:ObjectCreated:*"] }] });
      await upload("k");
      await platform.settle();
      assert.deepEqual(
        runs.map(({ event }) => event.Records[0].s3.object.key),
        ["k"],
      );
    }));

  test("need S3's permission where policies are enforced", () =>
    withFunction(
      async ({ platform, put, upload }, LambdaFunctionArn, runs) => {
        const configuration = {
          LambdaFunctionConfigurations: [{ LambdaFunctionArn, Events: ["s3:ObjectCreated:*"] as never }],
        };
        await assert.rejects(put(configuration), {
          code: "InvalidArgument",
          message: "Unable to validate the following destination configurations",
        });
        await platform.call("lambda", "AddPermission", {
          FunctionName: "thumb",
          StatementId: "s3",
          Action: "lambda:InvokeFunction",
          Principal: "s3.amazonaws.com",
          SourceArn: "arn:aws:s3:::photos",
          SourceAccount: ACCOUNT,
        });
        await put(configuration);
        await upload("k");
        await platform.settle();
        assert.equal(runs.length, 1);
        const queue = { QueueConfigurations: [{ QueueArn: queueArn("q"), Events: ["s3:ObjectCreated:*"] as never }] };
        await assert.rejects(put(queue), (error: any) => {
          assert.equal(
            error.detail.ArgumentValue1,
            "Permissions on the destination queue do not allow S3 to publish notifications from this bucket",
          );
          return true;
        });
      },
      { authorize: createAuthorize(true) },
    ));
});
