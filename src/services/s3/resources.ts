/**
 * `AWS::S3::Bucket` and `AWS::S3::BucketPolicy`.
 *
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucketpolicy.html
 */
import { AwsError, notImplemented } from "../../kernel/errors.ts";
import type { ResourceContext, ResourceProperties, ResourceState, ResourceType } from "../resources.ts";
import type { InputOf } from "../service.ts";
import { bucketArn, objectUrlBase } from "./buckets.ts";

/** A rule of NotificationConfiguration; its destination has a name of its own. */
const notificationRule = (destination: string) =>
  [
    {
      object: {
        Event: "string",
        Filter: { object: { S3Key: { object: { Rules: [{ object: { Name: "string", Value: "string" } }] } } } },
        [destination]: "string",
      },
    },
  ] as const;

const redirectRule = {
  object: {
    HostName: "string",
    HttpRedirectCode: "string",
    Protocol: "string",
    ReplaceKeyPrefixWith: "string",
    ReplaceKeyWith: "string",
  },
} as const;

export const bucketResource: ResourceType = {
  properties: {
    AccessControl: "string",
    BucketEncryption: {
      object: {
        ServerSideEncryptionConfiguration: [
          {
            object: {
              BucketKeyEnabled: "boolean",
              ServerSideEncryptionByDefault: { object: { SSEAlgorithm: "string", KMSMasterKeyID: "string" } },
            },
          },
        ],
      },
    },
    BucketName: "string",
    CorsConfiguration: {
      object: {
        CorsRules: [
          {
            object: {
              AllowedHeaders: ["string"],
              AllowedMethods: ["string"],
              AllowedOrigins: ["string"],
              ExposedHeaders: ["string"],
              Id: "string",
              MaxAge: "integer",
            },
          },
        ],
      },
    },
    NotificationConfiguration: {
      object: {
        EventBridgeConfiguration: { object: { EventBridgeEnabled: "boolean" } },
        LambdaConfigurations: notificationRule("Function"),
        QueueConfigurations: notificationRule("Queue"),
        TopicConfigurations: notificationRule("Topic"),
      },
    },
    OwnershipControls: { object: { Rules: [{ object: { ObjectOwnership: "string" } }] } },
    PublicAccessBlockConfiguration: {
      object: {
        BlockPublicAcls: "boolean",
        BlockPublicPolicy: "boolean",
        IgnorePublicAcls: "boolean",
        RestrictPublicBuckets: "boolean",
      },
    },
    Tags: [{ object: { Key: "string", Value: "string" } }],
    VersioningConfiguration: { object: { Status: "string" } },
    WebsiteConfiguration: {
      object: {
        ErrorDocument: "string",
        IndexDocument: "string",
        RedirectAllRequestsTo: { object: { HostName: "string", Protocol: "string" } },
        RoutingRules: [
          {
            object: {
              RedirectRule: redirectRule,
              RoutingRuleCondition: { object: { HttpErrorCodeReturnedEquals: "string", KeyPrefixEquals: "string" } },
            },
          },
        ],
      },
    },
  },
  replacement: ["BucketName"],
  nameProperty: "BucketName",
  attributes: ["Arn", "DomainName", "DualStackDomainName", "RegionalDomainName", "WebsiteURL"],

  async create(context, properties) {
    refuseAccessControl(properties);
    const Bucket: string = properties.BucketName ?? context.physicalName(63, { lowerCase: true });
    // In us-east-1 S3 takes the making of one's own bucket as success; CloudFormation does not.
    if (!context.retried && (await exists(context, Bucket))) {
      throw new AwsError("AlreadyExists", `${Bucket} already exists`, 409);
    }
    const LocationConstraint = context.region === "us-east-1" ? undefined : context.region;
    const ownership = properties.OwnershipControls?.Rules?.[0]?.ObjectOwnership;
    await context.call("s3", "CreateBucket", {
      Bucket,
      ...(LocationConstraint && {
        CreateBucketConfiguration: { LocationConstraint: LocationConstraint as "eu-west-1" },
      }),
      ...(ownership && { ObjectOwnership: ownership }),
    });
    await configure(context, Bucket, properties, {});
    return stateOf(context, Bucket);
  },

  async update(context, id, properties, previous) {
    refuseAccessControl(properties);
    await configure(context, id, properties, previous);
    return stateOf(context, id);
  },

  async delete(context, id) {
    await unlessGone(context.call("s3", "DeleteBucket", { Bucket: id }), "NoSuchBucket");
  },
};

function refuseAccessControl({ AccessControl }: ResourceProperties): void {
  if (AccessControl !== undefined && AccessControl !== "Private" && AccessControl !== "BucketOwnerFullControl") {
    throw notImplemented(`AccessControl ${AccessControl} of AWS::S3::Bucket`);
  }
}

async function exists(context: ResourceContext, Bucket: string): Promise<boolean> {
  try {
    await context.call("s3", "HeadBucket", { Bucket });
    return true;
  } catch (error) {
    if (error instanceof AwsError && error.code === "NoSuchBucket") return false;
    throw error;
  }
}

async function unlessGone(call: Promise<unknown>, code: string): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof AwsError) || error.code !== code) throw error;
  }
}

const same = (left: unknown, right: unknown) => JSON.stringify(left) === JSON.stringify(right);

/** Brings every setting that changed to what the template says, or back to what a new bucket has. */
async function configure(
  context: ResourceContext,
  Bucket: string,
  wanted: ResourceProperties,
  had: ResourceProperties,
): Promise<void> {
  const changed = (property: string) => !same(wanted[property], had[property]);
  const { call } = context;
  if (changed("OwnershipControls")) {
    const ObjectOwnership = wanted.OwnershipControls?.Rules?.[0]?.ObjectOwnership ?? "BucketOwnerEnforced";
    await call("s3", "PutBucketOwnershipControls", { Bucket, OwnershipControls: { Rules: [{ ObjectOwnership }] } });
  }
  if (changed("PublicAccessBlockConfiguration")) {
    const PublicAccessBlockConfiguration = wanted.PublicAccessBlockConfiguration ?? {
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    };
    await call("s3", "PutPublicAccessBlock", { Bucket, PublicAccessBlockConfiguration });
  }
  if (changed("BucketEncryption")) {
    const rules = wanted.BucketEncryption?.ServerSideEncryptionConfiguration;
    if (!rules) await call("s3", "DeleteBucketEncryption", { Bucket });
    else {
      await call("s3", "PutBucketEncryption", {
        Bucket,
        ServerSideEncryptionConfiguration: {
          Rules: rules.map((rule: any) => ({
            ApplyServerSideEncryptionByDefault: rule.ServerSideEncryptionByDefault,
            BucketKeyEnabled: rule.BucketKeyEnabled,
          })),
        },
      });
    }
  }
  if (changed("VersioningConfiguration")) {
    const Status = wanted.VersioningConfiguration?.Status ?? "Suspended";
    await call("s3", "PutBucketVersioning", { Bucket, VersioningConfiguration: { Status } });
  }
  if (changed("CorsConfiguration")) {
    const rules = wanted.CorsConfiguration?.CorsRules;
    if (!rules) await call("s3", "DeleteBucketCors", { Bucket });
    else await call("s3", "PutBucketCors", { Bucket, CORSConfiguration: { CORSRules: rules.map(corsRule) } });
  }
  if (changed("WebsiteConfiguration")) {
    if (!wanted.WebsiteConfiguration) await call("s3", "DeleteBucketWebsite", { Bucket });
    else {
      const WebsiteConfiguration = websiteConfiguration(wanted.WebsiteConfiguration);
      await call("s3", "PutBucketWebsite", { Bucket, WebsiteConfiguration });
    }
  }
  if (changed("NotificationConfiguration")) {
    const NotificationConfiguration = notificationConfiguration(wanted.NotificationConfiguration ?? {});
    await call("s3", "PutBucketNotificationConfiguration", { Bucket, NotificationConfiguration });
  }
  const tags: Record<string, string> = { ...context.tags };
  for (const { Key, Value } of wanted.Tags ?? []) tags[Key] = Value;
  const TagSet = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  if (TagSet.length > 0) await call("s3", "PutBucketTagging", { Bucket, Tagging: { TagSet } });
  else if (changed("Tags")) await call("s3", "DeleteBucketTagging", { Bucket });
}

const corsRule = (rule: any) => ({
  ID: rule.Id,
  AllowedHeaders: rule.AllowedHeaders,
  AllowedMethods: rule.AllowedMethods,
  AllowedOrigins: rule.AllowedOrigins,
  ExposeHeaders: rule.ExposedHeaders,
  MaxAgeSeconds: rule.MaxAge,
});

function notificationConfiguration(
  property: any,
): NonNullable<InputOf<"s3", "PutBucketNotificationConfiguration">["NotificationConfiguration"]> {
  const rules = (list: any[] | undefined, destination: string, member: string): any[] =>
    (list ?? []).map((rule) => ({
      [member]: rule[destination],
      Events: [rule.Event],
      ...(rule.Filter?.S3Key?.Rules && { Filter: { Key: { FilterRules: rule.Filter.S3Key.Rules } } }),
    }));
  const bridged = property.EventBridgeConfiguration;
  return {
    ...(bridged && bridged.EventBridgeEnabled !== false ? { EventBridgeConfiguration: {} } : {}),
    LambdaFunctionConfigurations: rules(property.LambdaConfigurations, "Function", "LambdaFunctionArn"),
    QueueConfigurations: rules(property.QueueConfigurations, "Queue", "QueueArn"),
    TopicConfigurations: rules(property.TopicConfigurations, "Topic", "TopicArn"),
  };
}

function websiteConfiguration(property: any): InputOf<"s3", "PutBucketWebsite">["WebsiteConfiguration"] {
  const { IndexDocument, ErrorDocument, RedirectAllRequestsTo, RoutingRules } = property;
  return {
    ...(IndexDocument !== undefined && { IndexDocument: { Suffix: IndexDocument } }),
    ...(ErrorDocument !== undefined && { ErrorDocument: { Key: ErrorDocument } }),
    ...(RedirectAllRequestsTo && { RedirectAllRequestsTo }),
    ...(RoutingRules && {
      RoutingRules: RoutingRules.map((rule: any) => ({
        ...(rule.RoutingRuleCondition && { Condition: rule.RoutingRuleCondition }),
        Redirect: rule.RedirectRule,
      })),
    }),
  };
}

function stateOf(context: ResourceContext, bucket: string): ResourceState {
  const { endpoint, region } = context;
  const { protocol, host, hostname } = new URL(endpoint);
  return {
    id: bucket,
    attributes: {
      Arn: bucketArn(bucket),
      DomainName: new URL(objectUrlBase(bucket, endpoint)).host,
      DualStackDomainName: `${bucket}.s3.dualstack.${region}.${host}`,
      RegionalDomainName: `${bucket}.s3.${region}.${host}`,
      WebsiteURL:
        hostname === "localhost"
          ? `${protocol}//${bucket}.s3-website.${host}`
          : `${endpoint}/_aws/s3-website/${bucket}`,
    },
  };
}

export const bucketPolicyResource: ResourceType = {
  properties: { Bucket: "string", PolicyDocument: "json" },
  required: ["Bucket", "PolicyDocument"],
  replacement: ["Bucket"],
  attributes: [],

  async create(context, properties) {
    await putPolicy(context, properties);
    return { id: properties.Bucket, attributes: {} };
  },

  async update(context, id, properties) {
    await putPolicy(context, properties);
    return { id, attributes: {} };
  },

  async delete(context, id) {
    await unlessGone(context.call("s3", "DeleteBucketPolicy", { Bucket: id }), "NoSuchBucket");
  },
};

async function putPolicy(context: ResourceContext, { Bucket, PolicyDocument }: ResourceProperties): Promise<void> {
  const Policy = typeof PolicyDocument === "string" ? PolicyDocument : JSON.stringify(PolicyDocument);
  await context.call("s3", "PutBucketPolicy", { Bucket, Policy });
}
