import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlatform } from "../../platform/testing.ts";
import type { ResourceContext } from "../resources.ts";
import { bucketPolicyResource, bucketResource } from "./resources.ts";
import { s3 } from "./service.ts";

async function room(more: Partial<ResourceContext> = {}) {
  const platform = await openTestPlatform({ services: [s3] });
  const flow = platform.flow();
  const context: ResourceContext = {
    call: flow.call,
    clock: flow.clock,
    random: flow.random,
    log: flow.log,
    signal: flow.signal,
    blobs: flow.blobs,
    endpoint: flow.endpoint,
    accountId: flow.accountId,
    region: flow.region,
    stackId: "arn:aws:cloudformation:us-east-1:000000000000:stack/site/1",
    stackName: "site",
    logicalId: "Web",
    retried: false,
    tags: { stage: "dev" },
    physicalName: () => "site-web-1hxc4r0q2mzp7",
    ...more,
  };
  return { platform, context };
}

const WEBSITE = {
  IndexDocument: "index.html",
  ErrorDocument: "error.html",
  RoutingRules: [
    {
      RoutingRuleCondition: { KeyPrefixEquals: "old/" },
      RedirectRule: { ReplaceKeyPrefixWith: "new/", HttpRedirectCode: "302" },
    },
  ],
};

test("a bucket is made as its template says, changed in place and deleted", async () => {
  const { platform, context } = await room();
  const { call } = platform;
  const properties = {
    WebsiteConfiguration: WEBSITE,
    PublicAccessBlockConfiguration: { BlockPublicPolicy: false, RestrictPublicBuckets: false },
    CorsConfiguration: {
      CorsRules: [{ AllowedMethods: ["GET"], AllowedOrigins: ["*"], ExposedHeaders: ["ETag"], MaxAge: 5 }],
    },
    VersioningConfiguration: { Status: "Enabled" },
    Tags: [{ Key: "team", Value: "one" }],
  };
  const made = await bucketResource.create(context, properties);
  const Bucket = "site-web-1hxc4r0q2mzp7";
  assert.deepEqual(made, {
    id: Bucket,
    attributes: {
      Arn: `arn:aws:s3:::${Bucket}`,
      DomainName: `${Bucket}.s3.localhost:4566`,
      DualStackDomainName: `${Bucket}.s3.dualstack.us-east-1.localhost:4566`,
      RegionalDomainName: `${Bucket}.s3.us-east-1.localhost:4566`,
      WebsiteURL: `http://${Bucket}.s3-website.localhost:4566`,
    },
  });
  assert.deepEqual(Object.keys(made.attributes), bucketResource.attributes);
  assert.deepEqual((await call("s3", "GetBucketWebsite", { Bucket })).RoutingRules, [
    { Condition: { KeyPrefixEquals: "old/" }, Redirect: { ReplaceKeyPrefixWith: "new/", HttpRedirectCode: "302" } },
  ]);
  assert.deepEqual((await call("s3", "GetBucketCors", { Bucket })).CORSRules?.[0]?.ExposeHeaders, ["ETag"]);
  assert.deepEqual((await call("s3", "GetBucketTagging", { Bucket })).TagSet, [
    { Key: "stage", Value: "dev" },
    { Key: "team", Value: "one" },
  ]);
  assert.equal((await call("s3", "GetBucketVersioning", { Bucket })).Status, "Enabled");

  const PolicyDocument = {
    Statement: [{ Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: `arn:aws:s3:::${Bucket}/*` }],
  };
  const policy = await bucketPolicyResource.create(context, { Bucket, PolicyDocument });
  assert.deepEqual(JSON.parse((await call("s3", "GetBucketPolicy", { Bucket })).Policy!), PolicyDocument);
  await bucketPolicyResource.delete(context, policy.id, {});
  await assert.rejects(call("s3", "GetBucketPolicy", { Bucket }), { code: "NoSuchBucketPolicy" });

  await bucketResource.update!(context, made.id, {}, properties);
  await assert.rejects(call("s3", "GetBucketWebsite", { Bucket }), { code: "NoSuchWebsiteConfiguration" });
  await assert.rejects(call("s3", "GetBucketCors", { Bucket }), { code: "NoSuchCORSConfiguration" });
  assert.equal((await call("s3", "GetBucketVersioning", { Bucket })).Status, "Suspended");
  assert.equal(
    (await call("s3", "GetPublicAccessBlock", { Bucket })).PublicAccessBlockConfiguration?.BlockPublicPolicy,
    true,
  );

  await call("s3", "PutObject", { Bucket, Key: "k", Body: "" });
  await assert.rejects(bucketResource.delete(context, made.id, {}), { code: "BucketNotEmpty" });
  await call("s3", "DeleteObject", { Bucket, Key: "k", VersionId: "null" });
  await bucketResource.delete(context, made.id, {});
  await bucketResource.delete(context, made.id, {});
  await bucketPolicyResource.delete(context, made.id, {});
  await platform.close();
});

test("a bucket that is there already is not taken over, except by the step that made it", async () => {
  const { platform, context } = await room();
  await platform.call("s3", "CreateBucket", { Bucket: "taken-bucket" });
  await assert.rejects(bucketResource.create(context, { BucketName: "taken-bucket" }), { code: "AlreadyExists" });
  await bucketResource.create({ ...context, retried: true }, { BucketName: "taken-bucket" });
  await assert.rejects(bucketResource.create(context, { AccessControl: "PublicRead" }), { code: "NotImplemented" });
  await platform.close();
});
