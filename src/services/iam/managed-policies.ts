/**
 * Policies that AWS manages and that serverless applications attach. Documents, versions and dates are AWS's, as published in the AWS
 * Managed Policy Reference; the long tail of consoles' and other services' permissions is as of the date given. Any other ARN of
 * `arn:aws:iam::aws:policy/…` is answered with NoSuchEntity.
 *
 * @see https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
 */
import { iamIdOf } from "../../kernel/ids.ts";
import type { ManagedPolicy } from "./state.ts";

interface Draft {
  readonly name: string;
  readonly path?: string;
  readonly version: number;
  /** Of this version. */
  readonly created: string;
  readonly statements: readonly object[];
}

const allow = (actions: string | readonly string[], more: object = {}) => ({
  Effect: "Allow",
  Action: actions,
  Resource: "*",
  ...more,
});
const SERVICE_ROLE = "/service-role/";
const LOGS = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"];
const NETWORK = ["ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"];
const TRACING = [
  "xray:PutTraceSegments",
  "xray:PutTelemetryRecords",
  "xray:GetSamplingRules",
  "xray:GetSamplingTargets",
  "xray:GetSamplingStatisticSummaries",
];
const LAMBDA_CONSOLE = [
  "cloudformation:DescribeStacks",
  "cloudformation:ListStackResources",
  "cloudwatch:ListMetrics",
  "cloudwatch:GetMetricData",
  ...NETWORK,
  "kms:ListAliases",
  "iam:GetPolicy",
  "iam:GetPolicyVersion",
  "iam:GetRole",
  "iam:GetRolePolicy",
  "iam:ListAttachedRolePolicies",
  "iam:ListRolePolicies",
  "iam:ListRoles",
  "logs:DescribeLogGroups",
  "states:DescribeStateMachine",
  "states:ListStateMachines",
  "tag:GetResources",
  "xray:GetTraceSummaries",
  "xray:BatchGetTraces",
];
const LAMBDA_LOGS = allow(["logs:DescribeLogStreams", "logs:GetLogEvents", "logs:FilterLogEvents"], {
  Resource: "arn:aws:logs:*:*:log-group:/aws/lambda/*",
});
const PASS_TO = (condition: string, services: string | readonly string[]) =>
  allow("iam:PassRole", { Condition: { [condition]: { "iam:PassedToService": services } } });

const DRAFTS: readonly Draft[] = [
  { name: "AdministratorAccess", version: 1, created: "2015-02-06T18:39:46Z", statements: [allow("*")] },
  {
    name: "PowerUserAccess",
    version: 4,
    created: "2019-03-20T22:19:03Z",
    statements: [
      { Effect: "Allow", NotAction: ["iam:*", "organizations:*", "account:*"], Resource: "*" },
      allow([
        "iam:CreateServiceLinkedRole",
        "iam:DeleteServiceLinkedRole",
        "iam:ListRoles",
        "organizations:DescribeOrganization",
        "account:ListRegions",
      ]),
    ],
  },
  {
    name: "IAMFullAccess",
    version: 2,
    created: "2019-06-21T19:40:00Z",
    statements: [
      allow([
        "iam:*",
        "organizations:DescribeAccount",
        "organizations:DescribeOrganization",
        "organizations:DescribeOrganizationalUnit",
        "organizations:DescribePolicy",
        "organizations:ListChildren",
        "organizations:ListParents",
        "organizations:ListPoliciesForTarget",
        "organizations:ListRoots",
        "organizations:ListPolicies",
        "organizations:ListTargetsForPolicy",
      ]),
    ],
  },
  {
    name: "IAMReadOnlyAccess",
    version: 4,
    created: "2018-01-25T19:11:27Z",
    statements: [
      allow([
        "iam:GenerateCredentialReport",
        "iam:GenerateServiceLastAccessedDetails",
        "iam:Get*",
        "iam:List*",
        "iam:SimulateCustomPolicy",
        "iam:SimulatePrincipalPolicy",
      ]),
    ],
  },
  {
    name: "AWSLambdaBasicExecutionRole",
    path: SERVICE_ROLE,
    version: 1,
    created: "2015-04-09T15:03:43Z",
    statements: [allow(LOGS)],
  },
  {
    name: "AWSLambdaSQSQueueExecutionRole",
    path: SERVICE_ROLE,
    version: 1,
    created: "2018-06-14T21:50:45Z",
    statements: [allow(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", ...LOGS])],
  },
  {
    name: "AWSLambdaDynamoDBExecutionRole",
    path: SERVICE_ROLE,
    version: 1,
    created: "2015-04-09T15:09:29Z",
    statements: [
      allow([
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:ListStreams",
        ...LOGS,
      ]),
    ],
  },
  {
    name: "AWSLambdaVPCAccessExecutionRole",
    path: SERVICE_ROLE,
    version: 2,
    created: "2020-10-15T22:53:03Z",
    statements: [
      allow([
        ...LOGS,
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
      ]),
    ],
  },
  {
    name: "AWSLambdaRole",
    path: SERVICE_ROLE,
    version: 1,
    created: "2015-02-06T18:41:28Z",
    statements: [allow(["lambda:InvokeFunction"], { Resource: ["*"] })],
  },
  {
    name: "AWSLambdaKinesisExecutionRole",
    path: SERVICE_ROLE,
    version: 2,
    created: "2018-11-19T20:09:24Z",
    statements: [
      allow([
        "kinesis:DescribeStream",
        "kinesis:DescribeStreamSummary",
        "kinesis:GetRecords",
        "kinesis:GetShardIterator",
        "kinesis:ListShards",
        "kinesis:ListStreams",
        "kinesis:SubscribeToShard",
        ...LOGS,
      ]),
    ],
  },
  {
    name: "AWSLambdaExecute",
    version: 1,
    created: "2015-02-06T18:40:46Z",
    statements: [
      allow(["logs:*"], { Resource: "arn:aws:logs:*:*:*" }),
      allow(["s3:GetObject", "s3:PutObject"], { Resource: "arn:aws:s3:::*" }),
    ],
  },
  {
    name: "AWSLambda_FullAccess",
    version: 1,
    created: "2020-11-17T21:14:08Z",
    statements: [allow([...LAMBDA_CONSOLE, "lambda:*"]), PASS_TO("StringEquals", "lambda.amazonaws.com"), LAMBDA_LOGS],
  },
  {
    name: "AWSLambda_ReadOnlyAccess",
    version: 1,
    created: "2020-11-17T21:10:32Z",
    statements: [allow([...LAMBDA_CONSOLE, "lambda:Get*", "lambda:List*"]), LAMBDA_LOGS],
  },
  {
    name: "AmazonSSMReadOnlyAccess",
    version: 1,
    created: "2015-05-29T17:44:19Z",
    statements: [allow(["ssm:Describe*", "ssm:Get*", "ssm:List*"])],
  },
  { name: "AWSXrayWriteOnlyAccess", version: 2, created: "2018-08-28T23:03:04Z", statements: [allow(TRACING)] },
  { name: "AWSXRayDaemonWriteAccess", version: 1, created: "2018-08-28T23:00:33Z", statements: [allow(TRACING)] },
  {
    name: "AmazonS3FullAccess",
    version: 2,
    created: "2021-09-27T20:16:37Z",
    statements: [allow(["s3:*", "s3-object-lambda:*"])],
  },
  {
    name: "AmazonS3ReadOnlyAccess",
    version: 1,
    created: "2015-02-06T18:40:59Z",
    statements: [allow(["s3:Get*", "s3:List*"])],
  },
  { name: "AmazonSQSFullAccess", version: 1, created: "2015-02-06T18:41:07Z", statements: [allow(["sqs:*"])] },
  {
    name: "AmazonSQSReadOnlyAccess",
    version: 2,
    created: "2018-08-20T23:35:49Z",
    statements: [
      allow(["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListDeadLetterSourceQueues", "sqs:ListQueues"]),
    ],
  },
  { name: "AmazonSNSFullAccess", version: 1, created: "2015-02-06T18:41:05Z", statements: [allow(["sns:*"])] },
  {
    name: "AmazonDynamoDBFullAccess",
    version: 9,
    created: "2019-05-08T21:20:48Z",
    statements: [
      allow([
        "dynamodb:*",
        "dax:*",
        "application-autoscaling:DeleteScalingPolicy",
        "application-autoscaling:DeregisterScalableTarget",
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingActivities",
        "application-autoscaling:DescribeScalingPolicies",
        "application-autoscaling:PutScalingPolicy",
        "application-autoscaling:RegisterScalableTarget",
        "cloudwatch:DeleteAlarms",
        "cloudwatch:DescribeAlarmHistory",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:DescribeAlarmsForMetric",
        "cloudwatch:GetMetricStatistics",
        "cloudwatch:ListMetrics",
        "cloudwatch:PutMetricAlarm",
        "datapipeline:ActivatePipeline",
        "datapipeline:CreatePipeline",
        "datapipeline:DeletePipeline",
        "datapipeline:DescribeObjects",
        "datapipeline:DescribePipelines",
        "datapipeline:GetPipelineDefinition",
        "datapipeline:ListPipelines",
        "datapipeline:PutPipelineDefinition",
        "datapipeline:QueryObjects",
        ...NETWORK,
        "iam:GetRole",
        "iam:ListRoles",
        "sns:CreateTopic",
        "sns:DeleteTopic",
        "sns:ListSubscriptions",
        "sns:ListSubscriptionsByTopic",
        "sns:ListTopics",
        "sns:Subscribe",
        "sns:Unsubscribe",
        "sns:SetTopicAttributes",
        "lambda:CreateFunction",
        "lambda:ListFunctions",
        "lambda:ListEventSourceMappings",
        "lambda:CreateEventSourceMapping",
        "lambda:DeleteEventSourceMapping",
        "lambda:GetFunctionConfiguration",
        "lambda:DeleteFunction",
        "resource-groups:ListGroups",
        "resource-groups:ListGroupResources",
        "resource-groups:GetGroup",
        "resource-groups:GetGroupQuery",
        "resource-groups:DeleteGroup",
        "resource-groups:CreateGroup",
        "tag:GetResources",
      ]),
      PASS_TO("StringLike", ["application-autoscaling.amazonaws.com", "dax.amazonaws.com"]),
      allow(["iam:CreateServiceLinkedRole"], {
        Condition: {
          StringEquals: {
            "iam:AWSServiceName": [
              "replication.dynamodb.amazonaws.com",
              "dax.amazonaws.com",
              "dynamodb.application-autoscaling.amazonaws.com",
            ],
          },
        },
      }),
    ],
  },
  {
    name: "AmazonDynamoDBReadOnlyAccess",
    version: 8,
    created: "2019-05-08T21:15:48Z",
    statements: [
      allow([
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingActivities",
        "application-autoscaling:DescribeScalingPolicies",
        "cloudwatch:DescribeAlarmHistory",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:DescribeAlarmsForMetric",
        "cloudwatch:GetMetricStatistics",
        "cloudwatch:ListMetrics",
        "datapipeline:DescribeObjects",
        "datapipeline:DescribePipelines",
        "datapipeline:GetPipelineDefinition",
        "datapipeline:ListPipelines",
        "datapipeline:QueryObjects",
        "dynamodb:BatchGetItem",
        "dynamodb:Describe*",
        "dynamodb:List*",
        "dynamodb:GetItem",
        "dynamodb:Query",
        "dynamodb:Scan",
        "dax:Describe*",
        "dax:List*",
        "dax:GetItem",
        "dax:BatchGetItem",
        "dax:Query",
        "dax:Scan",
        ...NETWORK,
        "iam:GetRole",
        "iam:ListRoles",
        "sns:ListSubscriptionsByTopic",
        "sns:ListTopics",
        "lambda:ListFunctions",
        "lambda:ListEventSourceMappings",
        "lambda:GetFunctionConfiguration",
        "resource-groups:ListGroups",
        "resource-groups:ListGroupResources",
        "resource-groups:GetGroup",
        "resource-groups:GetGroupQuery",
        "tag:GetResources",
      ]),
    ],
  },
  { name: "AmazonSESFullAccess", version: 1, created: "2015-02-06T18:41:02Z", statements: [allow(["ses:*"])] },
  {
    name: "AmazonSESReadOnlyAccess",
    version: 1,
    created: "2015-02-06T18:41:03Z",
    statements: [allow(["ses:Get*", "ses:List*"])],
  },
  { name: "CloudWatchLogsFullAccess", version: 1, created: "2015-02-06T18:40:02Z", statements: [allow(["logs:*"])] },
  {
    name: "CloudWatchLogsReadOnlyAccess",
    version: 4,
    created: "2019-01-14T19:32:45Z",
    statements: [
      allow([
        "logs:Describe*",
        "logs:Get*",
        "logs:List*",
        "logs:StartQuery",
        "logs:StopQuery",
        "logs:TestMetricFilter",
        "logs:FilterLogEvents",
      ]),
    ],
  },
  {
    name: "AmazonAPIGatewayPushToCloudWatchLogs",
    path: SERVICE_ROLE,
    version: 1,
    created: "2015-11-11T23:41:46Z",
    statements: [
      allow([
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:DescribeLogGroups",
        "logs:DescribeLogStreams",
        "logs:PutLogEvents",
        "logs:GetLogEvents",
        "logs:FilterLogEvents",
      ]),
    ],
  },
  {
    name: "AmazonAPIGatewayInvokeFullAccess",
    version: 2,
    created: "2018-12-18T18:25:10Z",
    statements: [
      allow(["execute-api:Invoke", "execute-api:ManageConnections"], { Resource: "arn:aws:execute-api:*:*:*" }),
    ],
  },
  {
    name: "AmazonAPIGatewayAdministrator",
    version: 1,
    created: "2015-07-09T17:34:45Z",
    statements: [allow(["apigateway:*"], { Resource: "arn:aws:apigateway:*::/*" })],
  },
  {
    name: "AWSCloudFormationFullAccess",
    version: 1,
    created: "2019-07-26T21:50:35Z",
    statements: [allow(["cloudformation:*"])],
  },
  {
    name: "AmazonECSTaskExecutionRolePolicy",
    path: SERVICE_ROLE,
    version: 1,
    created: "2017-11-16T18:48:22Z",
    statements: [
      allow([
        "ecr:GetAuthorizationToken",
        "ecr:BatchCheckLayerAvailability",
        "ecr:GetDownloadUrlForLayer",
        "ecr:BatchGetImage",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
      ]),
    ],
  },
];

/** By ARN. */
const MANAGED = new Map<string, ManagedPolicy>(
  DRAFTS.map((draft) => {
    const path = draft.path ?? "/";
    const policyArn = `arn:aws:iam::aws:policy${path}${draft.name}`;
    const createdMs = Date.parse(draft.created);
    const policy: ManagedPolicy = {
      name: draft.name,
      // AWS's own ids are not published as a list.
      id: iamIdOf(policyArn, "ANPA"),
      path,
      createdMs,
      updatedMs: createdMs,
      defaultVersion: draft.version,
      nextVersion: draft.version + 1,
      document: JSON.stringify({ Version: "2012-10-17", Statement: draft.statements }),
      tags: [],
    };
    return [policyArn, policy];
  }),
);

export const isAwsManaged = (policyArn: string): boolean => policyArn.startsWith("arn:aws:iam::aws:policy/");
export const awsManagedPolicy = (policyArn: string): ManagedPolicy | undefined => MANAGED.get(policyArn);
export const awsManagedPolicies = (): Iterable<ManagedPolicy> => MANAGED.values();
