/**
 * SAM's policy templates, those about services that Virga has.
 * @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-policy-template-list.html
 */
import { isObject, type Value } from "../template/values.ts";
import { invalidResource } from "./errors.ts";
import type { Draft } from "./shapes.ts";

interface Grant {
  readonly actions: readonly string[];
  /** Without `arn:partition:`; parameters as `<Name>`. `*` is everything. A list stays a list. */
  readonly on: string | readonly string[];
}

interface PolicyTemplate {
  readonly parameters: readonly string[];
  readonly grants: readonly Grant[];
}

const actions = (service: string, names: string): readonly string[] =>
  names.split(" ").map((name) => `${service}:${name}`);

const TABLE = "dynamodb:${AWS::Region}:${AWS::AccountId}:table/<TableName>";
const TABLE_AND_INDEXES = [TABLE, `${TABLE}/index/*`];
const BUCKET = "s3:::<BucketName>";
const BUCKET_AND_OBJECTS = [BUCKET, `${BUCKET}/*`];
const IDENTITY = "ses:${AWS::Region}:${AWS::AccountId}:identity/<IdentityName>";
const QUEUE = "sqs:${AWS::Region}:${AWS::AccountId}:<QueueName>";

const TEMPLATES: Readonly<Record<string, PolicyTemplate>> = {
  CloudFormationDescribeStacksPolicy: {
    parameters: [],
    grants: [
      {
        actions: actions("cloudformation", "DescribeStacks"),
        on: "cloudformation:${AWS::Region}:${AWS::AccountId}:stack/*",
      },
    ],
  },
  CloudWatchPutMetricPolicy: { parameters: [], grants: [{ actions: actions("cloudwatch", "PutMetricData"), on: "*" }] },
  DynamoDBCrudPolicy: {
    parameters: ["TableName"],
    grants: [
      {
        actions: actions(
          "dynamodb",
          "GetItem DeleteItem PutItem Scan Query UpdateItem BatchWriteItem BatchGetItem DescribeTable ConditionCheckItem",
        ),
        on: TABLE_AND_INDEXES,
      },
    ],
  },
  DynamoDBReadPolicy: {
    parameters: ["TableName"],
    grants: [{ actions: actions("dynamodb", "GetItem Scan Query BatchGetItem DescribeTable"), on: TABLE_AND_INDEXES }],
  },
  DynamoDBWritePolicy: {
    parameters: ["TableName"],
    grants: [{ actions: actions("dynamodb", "PutItem UpdateItem BatchWriteItem"), on: TABLE_AND_INDEXES }],
  },
  DynamoDBReconfigurePolicy: {
    parameters: ["TableName"],
    grants: [{ actions: actions("dynamodb", "UpdateTable"), on: TABLE }],
  },
  DynamoDBStreamReadPolicy: {
    parameters: ["TableName", "StreamName"],
    grants: [
      {
        actions: actions("dynamodb", "DescribeStream GetRecords GetShardIterator"),
        on: `${TABLE}/stream/<StreamName>`,
      },
      { actions: actions("dynamodb", "ListStreams"), on: `${TABLE}/stream/*` },
    ],
  },
  FilterLogEventsPolicy: {
    parameters: ["LogGroupName"],
    grants: [
      {
        actions: actions("logs", "FilterLogEvents"),
        on: "logs:${AWS::Region}:${AWS::AccountId}:log-group:<LogGroupName>:log-stream:*",
      },
    ],
  },
  LambdaInvokePolicy: {
    parameters: ["FunctionName"],
    grants: [
      {
        actions: actions("lambda", "InvokeFunction"),
        on: "lambda:${AWS::Region}:${AWS::AccountId}:function:<FunctionName>*",
      },
    ],
  },
  S3CrudPolicy: {
    parameters: ["BucketName"],
    grants: [
      {
        actions: actions(
          "s3",
          "GetObject ListBucket GetBucketLocation GetObjectVersion PutObject PutObjectAcl GetLifecycleConfiguration PutLifecycleConfiguration DeleteObject",
        ),
        on: BUCKET_AND_OBJECTS,
      },
    ],
  },
  S3FullAccessPolicy: {
    parameters: ["BucketName"],
    grants: [
      {
        actions: actions(
          "s3",
          "GetObject GetObjectAcl GetObjectVersion PutObject PutObjectAcl DeleteObject DeleteObjectTagging DeleteObjectVersionTagging GetObjectTagging GetObjectVersionTagging PutObjectTagging PutObjectVersionTagging",
        ),
        on: [`${BUCKET}/*`],
      },
      {
        actions: actions("s3", "ListBucket GetBucketLocation GetLifecycleConfiguration PutLifecycleConfiguration"),
        on: [BUCKET],
      },
    ],
  },
  S3ReadPolicy: {
    parameters: ["BucketName"],
    grants: [
      {
        actions: actions("s3", "GetObject ListBucket GetBucketLocation GetObjectVersion GetLifecycleConfiguration"),
        on: BUCKET_AND_OBJECTS,
      },
    ],
  },
  S3WritePolicy: {
    parameters: ["BucketName"],
    grants: [{ actions: actions("s3", "PutObject PutObjectAcl PutLifecycleConfiguration"), on: BUCKET_AND_OBJECTS }],
  },
  SESBulkTemplatedCrudPolicy: {
    parameters: ["IdentityName"],
    grants: [
      {
        actions: actions(
          "ses",
          "GetIdentityVerificationAttributes SendEmail SendRawEmail SendTemplatedEmail SendBulkTemplatedEmail VerifyEmailIdentity",
        ),
        on: IDENTITY,
      },
    ],
  },
  SESBulkTemplatedCrudPolicy_v2: {
    parameters: ["IdentityName", "TemplateName"],
    grants: [
      {
        actions: actions("ses", "SendEmail SendRawEmail SendTemplatedEmail SendBulkTemplatedEmail"),
        on: [IDENTITY, "ses:${AWS::Region}:${AWS::AccountId}:template/<TemplateName>"],
      },
      { actions: actions("ses", "GetIdentityVerificationAttributes VerifyEmailIdentity"), on: "*" },
    ],
  },
  SESCrudPolicy: {
    parameters: ["IdentityName"],
    grants: [
      {
        actions: actions("ses", "GetIdentityVerificationAttributes SendEmail SendRawEmail VerifyEmailIdentity"),
        on: IDENTITY,
      },
    ],
  },
  SESEmailTemplateCrudPolicy: {
    parameters: [],
    grants: [
      {
        actions: actions(
          "ses",
          "CreateTemplate GetTemplate ListTemplates UpdateTemplate DeleteTemplate TestRenderTemplate",
        ),
        on: "*",
      },
    ],
  },
  SESSendBouncePolicy: {
    parameters: ["IdentityName"],
    grants: [{ actions: actions("ses", "SendBounce"), on: IDENTITY }],
  },
  SQSPollerPolicy: {
    parameters: ["QueueName"],
    grants: [
      {
        actions: actions(
          "sqs",
          "ChangeMessageVisibility ChangeMessageVisibilityBatch DeleteMessage DeleteMessageBatch GetQueueAttributes ReceiveMessage",
        ),
        on: QUEUE,
      },
    ],
  },
  SQSSendMessagePolicy: {
    parameters: ["QueueName"],
    grants: [{ actions: actions("sqs", "SendMessage*"), on: QUEUE }],
  },
};

/** Whether a policy looks like `{SomePolicy: {parameters}}`. */
export function isPolicyTemplate(policy: Value): boolean {
  if (!isObject(policy)) return false;
  const names = Object.keys(policy);
  return names.length === 1 && names[0] !== "Statement" && names[0] !== "Ref" && !names[0]!.startsWith("Fn::");
}

/** The policy document of a template with its parameters filled in. */
export function expandPolicyTemplate(logicalId: string, policy: Value): Draft {
  const [[name, given]] = Object.entries(policy as Record<string, Value>) as [[string, Value]];
  const template = Object.hasOwn(TEMPLATES, name) ? TEMPLATES[name] : undefined;
  if (!template) {
    throw invalidResource(
      logicalId,
      `Policy at index 0 in the 'Policies' property is not valid: Virga does not have the policy template '${name}'.`,
    );
  }
  const parameters = isObject(given) ? given : {};
  const missing = template.parameters.filter((parameter) => parameters[parameter] === undefined);
  if (missing.length > 0) {
    throw invalidResource(
      logicalId,
      `Must specify valid parameter values for policy template '${name}': Following required parameters of template '${name}' don't have values: [${missing.map((parameter) => `'${parameter}'`).join(", ")}]`,
    );
  }
  return {
    Statement: template.grants.map(({ actions: Action, on }) => ({
      Action,
      Effect: "Allow",
      Resource:
        on === "*"
          ? "*"
          : Array.isArray(on)
            ? on.map((one) => resource(one, parameters))
            : resource(on as string, parameters),
    })),
  };
}

/** `Fn::Sub` with the parameters that the pattern names, called as SAM calls them: `tableName`. */
function resource(pattern: string, parameters: Readonly<Record<string, Value>>): Draft {
  const variables: Draft = {};
  const text = pattern.replace(/<([A-Za-z]+)>/g, (_, name: string) => {
    const variable = name[0]!.toLowerCase() + name.slice(1);
    variables[variable] = parameters[name];
    return `\${${variable}}`;
  });
  const arn = `arn:\${AWS::Partition}:${text}`;
  return { "Fn::Sub": Object.keys(variables).length === 0 ? arn : [arn, variables] };
}
