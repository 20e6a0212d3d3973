import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { AccountId, Region } from "../../kernel/arn.ts";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import { checkedPolicy, isPublicPolicy } from "./access.ts";
import { matchingRule } from "./cors.ts";
import { isBucketName } from "./rules.ts";
import { s3 } from "./service.ts";

let platform: TestPlatform;
before(async () => {
  platform = await openTestPlatform({ services: [s3] });
});
after(() => platform.close());

const OTHER = { accountId: "111111111111" as AccountId };
const FRANKFURT = { region: "eu-central-1" as Region };

test("bucket names follow AWS's rules", () => {
  for (const name of ["abc", "a.b-c9", "0".repeat(63)]) assert.equal(isBucketName(name), true, name);
  for (const name of [
    "ab",
    "Abc",
    "-abc",
    "abc-",
    "a..b",
    "192.168.5.4",
    "xn--abc",
    "abc-s3alias",
    "a_b",
    "a".repeat(64),
    "abc--x-s3",
  ]) {
    assert.equal(isBucketName(name), false, name);
  }
});

test("a bucket is made once, by one account, where its region says", async () => {
  const { call } = platform;
  const made = await call("s3", "CreateBucket", { Bucket: "first-bucket" });
  assert.equal(made.Location, "/first-bucket");
  await call("s3", "CreateBucket", { Bucket: "first-bucket" });
  await assert.rejects(call("s3", "CreateBucket", { Bucket: "first-bucket" }, OTHER), {
    code: "BucketAlreadyExists",
    status: 409,
  });
  await assert.rejects(call("s3", "CreateBucket", { Bucket: "Wrong" }), { code: "InvalidBucketName" });

  const here = { LocationConstraint: "eu-central-1" } as const;
  await assert.rejects(call("s3", "CreateBucket", { Bucket: "frankfurt" }, FRANKFURT), {
    code: "IllegalLocationConstraintException",
    message:
      "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.",
  });
  await assert.rejects(
    call(
      "s3",
      "CreateBucket",
      { Bucket: "frankfurt", CreateBucketConfiguration: { LocationConstraint: "eu-west-1" } },
      FRANKFURT,
    ),
    {
      message:
        "The eu-west-1 location constraint is incompatible for the region specific endpoint this request was sent to.",
    },
  );
  await assert.rejects(
    call("s3", "CreateBucket", {
      Bucket: "frankfurt",
      CreateBucketConfiguration: { LocationConstraint: "us-east-1" as any },
    }),
    { code: "InvalidLocationConstraint" },
  );
  await call("s3", "CreateBucket", { Bucket: "frankfurt", CreateBucketConfiguration: here }, FRANKFURT);
  await assert.rejects(
    call("s3", "CreateBucket", { Bucket: "frankfurt", CreateBucketConfiguration: here }, FRANKFURT),
    {
      code: "BucketAlreadyOwnedByYou",
      status: 409,
    },
  );
  assert.deepEqual(await call("s3", "GetBucketLocation", { Bucket: "frankfurt" }), {
    LocationConstraint: "eu-central-1",
  });
  assert.deepEqual(await call("s3", "GetBucketLocation", { Bucket: "first-bucket" }), {});
  assert.equal((await call("s3", "HeadBucket", { Bucket: "frankfurt" })).BucketRegion, "eu-central-1");
  await assert.rejects(call("s3", "HeadBucket", { Bucket: "absent-bucket" }), { code: "NoSuchBucket", status: 404 });

  const listed = await call("s3", "ListBuckets", {});
  assert.deepEqual(
    listed.Buckets?.map((one) => one.Name),
    ["first-bucket", "frankfurt"],
  );
  const page = await call("s3", "ListBuckets", { MaxBuckets: 1 });
  assert.deepEqual(
    page.Buckets?.map((one) => [one.Name, one.BucketRegion]),
    [["first-bucket", "us-east-1"]],
  );
  const next = await call("s3", "ListBuckets", { ContinuationToken: page.ContinuationToken });
  assert.deepEqual(
    next.Buckets?.map((one) => one.Name),
    ["frankfurt"],
  );
  assert.equal(next.ContinuationToken, undefined);
  assert.deepEqual((await call("s3", "ListBuckets", {}, OTHER)).Buckets, []);

  await call("s3", "PutObject", { Bucket: "frankfurt", Key: "k", Body: "" });
  await assert.rejects(call("s3", "DeleteBucket", { Bucket: "frankfurt" }), { code: "BucketNotEmpty", status: 409 });
  await call("s3", "DeleteObject", { Bucket: "frankfurt", Key: "k" });
  await call("s3", "DeleteBucket", { Bucket: "frankfurt" });
  await assert.rejects(call("s3", "DeleteBucket", { Bucket: "frankfurt" }), { code: "NoSuchBucket" });
});

const PUBLIC_READ = (bucket: string) =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: `arn:aws:s3:::${bucket}/*` }],
  });

test("a new bucket keeps the public out until its owner opens both doors", async () => {
  const { call } = platform;
  const Bucket = "public-bucket";
  const anonymous = { principal: { type: "anonymous" } } as const;
  await call("s3", "CreateBucket", { Bucket });
  await call("s3", "PutObject", { Bucket, Key: "k", Body: "open" });
  await assert.rejects(call("s3", "PutBucketPolicy", { Bucket, Policy: PUBLIC_READ(Bucket) }), (error: any) => {
    assert.equal(error.code, "AccessDenied");
    assert.match(
      error.message,
      /s3:PutBucketPolicy on resource: "arn:aws:s3:::public-bucket" because public policies are prevented/,
    );
    return true;
  });
  await assert.rejects(call("s3", "GetBucketPolicy", { Bucket }), { code: "NoSuchBucketPolicy" });
  await call("s3", "PutPublicAccessBlock", { Bucket, PublicAccessBlockConfiguration: { RestrictPublicBuckets: true } });
  await call("s3", "PutBucketPolicy", { Bucket, Policy: PUBLIC_READ(Bucket) });
  assert.deepEqual((await call("s3", "GetBucketPolicyStatus", { Bucket })).PolicyStatus, { IsPublic: true });
  await assert.rejects(call("s3", "GetObject", { Bucket, Key: "k" }, anonymous), { code: "AccessDenied" });
  await call("s3", "DeletePublicAccessBlock", { Bucket });
  await assert.rejects(call("s3", "GetPublicAccessBlock", { Bucket }), {
    code: "NoSuchPublicAccessBlockConfiguration",
  });
  await call("s3", "GetObject", { Bucket, Key: "k" }, anonymous);
  await assert.rejects(call("s3", "GetObject", { Bucket, Key: "k", ResponseContentType: "text/x" }, anonymous), {
    code: "InvalidRequest",
  });
  await call("s3", "DeleteBucketPolicy", { Bucket });
  await assert.rejects(call("s3", "GetBucketPolicyStatus", { Bucket }), { code: "NoSuchBucketPolicy" });
});

test("a policy is public when it opens something to everyone", () => {
  const statement = (more: object) => ({
    Effect: "Allow",
    Principal: "*",
    Action: "s3:GetObject",
    Resource: "arn:aws:s3:::b-b-b/*",
    ...more,
  });
  const cases: [object, boolean][] = [
    [statement({}), true],
    [statement({ Principal: { AWS: "*" } }), true],
    [statement({ Principal: { AWS: ["arn:aws:iam::111111111111:root"] } }), false],
    [statement({ Principal: { Service: "cloudfront.amazonaws.com" } }), false],
    [statement({ Effect: "Deny" }), false],
    [statement({ Condition: { IpAddress: { "aws:SourceIp": "203.0.113.0/24" } } }), false],
    [statement({ Condition: { IpAddress: { "aws:SourceIp": "0.0.0.0/0" } } }), true],
    [statement({ Condition: { StringEquals: { "aws:SourceVpce": "vpce-1" } } }), false],
    [statement({ Condition: { StringLike: { "aws:SourceVpc": "vpc-*" } } }), true],
    [statement({ Condition: { StringNotEquals: { "aws:SourceVpc": "vpc-1" } } }), true],
    [statement({ Condition: { StringEquals: { "aws:Referer": "x" } } }), true],
  ];
  for (const [one, expected] of cases) assert.equal(isPublicPolicy([one]), expected, JSON.stringify(one));
});

test("a policy that S3 would not take is refused in its words", () => {
  const wrong: [string | object, string][] = [
    ["no", "Policies must be valid JSON and the first byte must be '{'"],
    [{ Statement: [] }, "Missing required field Statement"],
    [{ Statement: { Effect: "Allow", Action: "s3:*", Resource: "*" } }, "Missing required field Principal"],
    [{ Statement: { Effect: "Allow", Principal: "*", Action: "sqs:*", Resource: "*" } }, "Policy has invalid action"],
    [
      { Statement: { Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::other/*" } },
      "Policy has invalid resource",
    ],
    [
      { Statement: { Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::mine" } },
      "Action does not apply to any resource(s) in statement",
    ],
    [
      { Statement: { Effect: "Allow", Principal: "*", Action: "s3:ListBucket", Resource: "arn:aws:s3:::mine/*" } },
      "Action does not apply to any resource(s) in statement",
    ],
  ];
  for (const [policy, message] of wrong) {
    const text = typeof policy === "string" ? policy : JSON.stringify(policy);
    assert.throws(() => checkedPolicy("mine", text), { code: "MalformedPolicy", message });
  }
  checkedPolicy(
    "mine",
    JSON.stringify({
      Statement: {
        Effect: "Allow",
        Principal: "*",
        Action: ["s3:GetObject", "s3:ListBucket"],
        Resource: ["arn:aws:s3:::mine", "arn:aws:s3:::mine/*"],
      },
    }),
  );
});

test("settings are put, read and taken away", async () => {
  const { call } = platform;
  const Bucket = "settings-bucket";
  await call("s3", "CreateBucket", { Bucket });
  await assert.rejects(call("s3", "GetBucketTagging", { Bucket }), { code: "NoSuchTagSet" });
  await call("s3", "PutBucketTagging", { Bucket, Tagging: { TagSet: [{ Key: "team", Value: "one" }] } });
  assert.deepEqual((await call("s3", "GetBucketTagging", { Bucket })).TagSet, [{ Key: "team", Value: "one" }]);
  await assert.rejects(call("s3", "PutBucketTagging", { Bucket, Tagging: { TagSet: [{ Key: "aws:x", Value: "" }] } }), {
    code: "InvalidTag",
  });

  assert.deepEqual(await call("s3", "GetBucketVersioning", { Bucket }), {});
  await assert.rejects(call("s3", "PutBucketVersioning", { Bucket, VersioningConfiguration: {} }), {
    code: "IllegalVersioningConfigurationException",
  });

  const rules = (await call("s3", "GetBucketEncryption", { Bucket })).ServerSideEncryptionConfiguration?.Rules;
  assert.equal(rules?.[0]?.ApplyServerSideEncryptionByDefault?.SSEAlgorithm, "AES256");
  await assert.rejects(
    call("s3", "PutBucketEncryption", {
      Bucket,
      ServerSideEncryptionConfiguration: {
        Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms" } }],
      },
    }),
    { code: "NotImplemented" },
  );

  await call("s3", "PutBucketNotificationConfiguration", {
    Bucket,
    NotificationConfiguration: { QueueConfigurations: [] },
  });
  await assert.rejects(call("s3", "GetBucketReplication", { Bucket }), {
    code: "ReplicationConfigurationNotFoundError",
  });

  assert.equal((await call("s3", "GetBucketAcl", { Bucket })).Grants?.length, 1);
  await assert.rejects(call("s3", "PutBucketAcl", { Bucket, ACL: "public-read" }), {
    code: "AccessControlListNotSupported",
  });
  await call("s3", "PutBucketOwnershipControls", {
    Bucket,
    OwnershipControls: { Rules: [{ ObjectOwnership: "ObjectWriter" }] },
  });
  await call("s3", "PutBucketAcl", { Bucket, ACL: "private" });
  await assert.rejects(call("s3", "PutBucketAcl", { Bucket, ACL: "public-read" }), { code: "AccessDenied" });
  await call("s3", "DeletePublicAccessBlock", { Bucket });
  await assert.rejects(call("s3", "PutBucketAcl", { Bucket, ACL: "public-read" }), { code: "NotImplemented" });
  await call("s3", "DeleteBucketOwnershipControls", { Bucket });
  await assert.rejects(call("s3", "GetBucketOwnershipControls", { Bucket }), {
    code: "OwnershipControlsNotFoundError",
  });
});

test("cross-origin rules are checked and matched", async () => {
  const { call } = platform;
  const Bucket = "cors-bucket";
  await call("s3", "CreateBucket", { Bucket });
  const put = (rule: object) =>
    call("s3", "PutBucketCors", {
      Bucket,
      CORSConfiguration: { CORSRules: [{ AllowedMethods: ["GET"], AllowedOrigins: ["*"], ...rule }] },
    });
  await assert.rejects(put({ AllowedMethods: ["PATCH"] }), {
    message: "Found unsupported HTTP method in CORS config. Unsupported method is PATCH",
  });
  await assert.rejects(put({ AllowedOrigins: ["http://*.*"] }), { code: "InvalidRequest" });
  await assert.rejects(put({ ExposeHeaders: ["*"] }), { code: "InvalidRequest" });
  await assert.rejects(call("s3", "GetBucketCors", { Bucket }), { code: "NoSuchCORSConfiguration" });
  await put({ AllowedOrigins: ["https://*.example.com"], AllowedHeaders: ["x-amz-*"] });
  const rules = (await call("s3", "GetBucketCors", { Bucket })).CORSRules as any;
  assert.ok(matchingRule(rules, "https://www.example.com", "GET", ["x-amz-date"]));
  assert.equal(matchingRule(rules, "https://example.com", "GET"), undefined);
  assert.equal(matchingRule(rules, "https://www.example.com", "PUT"), undefined);
  assert.equal(matchingRule(rules, "https://www.example.com", "GET", ["content-type"]), undefined);
});
