/** How each service is spoken to. */

export type Protocol =
  | { readonly kind: "json"; readonly target: string; readonly version: "1.0" | "1.1" }
  | { readonly kind: "query"; readonly version: string }
  /** Operations as `METHOD /path/{Label}?QueryMember&…`; every other member is in the body. */
  | { readonly kind: "rest"; readonly operations: Readonly<Record<string, string>> };

export interface ServiceFacts {
  readonly protocol: Protocol;
  /** As the signature names it, where that differs. */
  readonly scope?: string;
  /** As the AWS CLI names it, where that differs. */
  readonly command?: string;
}

const json = (target: string, version: "1.0" | "1.1" = "1.1"): Protocol => ({ kind: "json", target, version });
const query = (version: string): Protocol => ({ kind: "query", version });
const rest = (operations: Readonly<Record<string, string>>): Protocol => ({ kind: "rest", operations });

const FUNCTIONS = "/2015-03-31/functions";

export const SERVICES = {
  applicationautoscaling: {
    protocol: json("AnyScaleFrontendService"),
    scope: "application-autoscaling",
    command: "application-autoscaling",
  },
  ce: { protocol: json("AWSInsightsIndexService") },
  cloudformation: { protocol: query("2010-05-15") },
  cloudwatch: { protocol: json("GraniteServiceVersion20100801", "1.0"), scope: "monitoring" },
  dynamodb: { protocol: json("DynamoDB_20120810", "1.0") },
  ecs: { protocol: json("AmazonEC2ContainerServiceV20141113") },
  events: { protocol: json("AWSEvents") },
  iam: { protocol: query("2010-05-08") },
  lambda: {
    protocol: rest({
      GetFunction: `GET ${FUNCTIONS}/{FunctionName}?Qualifier`,
      GetFunctionConcurrency: "GET /2019-09-30/functions/{FunctionName}/concurrency",
      GetFunctionConfiguration: `GET ${FUNCTIONS}/{FunctionName}/configuration?Qualifier`,
      ListAliases: `GET ${FUNCTIONS}/{FunctionName}/aliases?Marker&MaxItems`,
      ListEventSourceMappings: "GET /2015-03-31/event-source-mappings?FunctionName&EventSourceArn&Marker&MaxItems",
      ListFunctions: `GET ${FUNCTIONS}?Marker&MaxItems`,
      ListVersionsByFunction: `GET ${FUNCTIONS}/{FunctionName}/versions?Marker&MaxItems`,
      DeleteFunction: `DELETE ${FUNCTIONS}/{FunctionName}?Qualifier`,
      PublishVersion: `POST ${FUNCTIONS}/{FunctionName}/versions`,
      UpdateFunctionConfiguration: `PUT ${FUNCTIONS}/{FunctionName}/configuration`,
    }),
  },
  logs: { protocol: json("Logs_20140328") },
  scheduler: {
    protocol: rest({
      DeleteSchedule: "DELETE /schedules/{Name}?groupName",
      GetSchedule: "GET /schedules/{Name}?groupName",
      ListSchedules: "GET /schedules?NextToken&MaxResults",
    }),
  },
  secretsmanager: { protocol: json("secretsmanager") },
  // These are called in their own ways (`s3.ts`), or only shown as commands.
  s3: { protocol: rest({}), command: "s3api" },
  sesv2: { protocol: rest({}) },
  sns: { protocol: query("2010-03-31") },
  sqs: { protocol: json("AmazonSQS", "1.0") },
  ssm: { protocol: json("AmazonSSM") },
  sts: { protocol: query("2011-06-15") },
  xray: {
    protocol: rest({
      BatchGetTraces: "POST /Traces",
      GetTraceSummaries: "POST /TraceSummaries",
    }),
  },
} as const satisfies Record<string, ServiceFacts>;

export type ServiceName = keyof typeof SERVICES;
