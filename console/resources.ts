/** What kinds of resources there are: their picture, and the page where one of them is looked at. */
import { nameOf } from "./parts/format.ts";
import type { IconName } from "./parts/icons.tsx";

interface Kind {
  readonly icon: IconName;
  readonly place?: string;
  readonly word: string;
  /** Events come to it or go out of it; the rest of a stack only connects and permits. */
  readonly acts?: true;
}

const KINDS: Readonly<Record<string, Kind>> = {
  "AWS::Lambda::Function": { icon: "lambda", place: "functions", word: "Function", acts: true },
  "AWS::SQS::Queue": { icon: "queue", place: "queues", word: "Queue", acts: true },
  "AWS::DynamoDB::Table": { icon: "table", place: "tables", word: "Table", acts: true },
  "AWS::S3::Bucket": { icon: "bucket", place: "buckets", word: "Bucket", acts: true },
  "AWS::Logs::LogGroup": { icon: "log", place: "logs", word: "Log group" },
  "AWS::CloudFormation::Stack": { icon: "stack", place: "stacks", word: "Stack" },
  "AWS::ApiGatewayV2::Api": { icon: "api", word: "HTTP API", acts: true },
  "AWS::ApiGateway::RestApi": { icon: "api", word: "REST API", acts: true },
  "AWS::SNS::Topic": { icon: "topic", word: "Topic", acts: true },
  "AWS::Events::Rule": { icon: "clock", place: "schedules", word: "Rule", acts: true },
  "AWS::Events::EventBus": { icon: "topic", place: "schedules", word: "Event bus", acts: true },
  "AWS::Scheduler::Schedule": { icon: "clock", place: "schedules", word: "Schedule", acts: true },
  "AWS::SSM::Parameter": { icon: "parameter", place: "parameters", word: "Parameter" },
  "AWS::SecretsManager::Secret": { icon: "key", place: "secrets", word: "Secret" },
  "AWS::ECS::Service": { icon: "container", place: "elasticity", word: "Service", acts: true },
  "AWS::ECS::Cluster": { icon: "container", word: "Cluster" },
  "AWS::ElasticLoadBalancingV2::LoadBalancer": { icon: "outside", word: "Load balancer", acts: true },
  outside: { icon: "outside", word: "Callers" },
  application: { icon: "other", word: "Application" },
  "AWS::IAM::Role": { icon: "role", word: "Role" },
  "AWS::SES::EmailIdentity": { icon: "mail", place: "mail", word: "Mail identity", acts: true },
};

export const kindOf = (type: string): Kind => KINDS[type] ?? { icon: "other", word: type.replace(/^AWS::/, "") };

/** The page of what an ARN names; undefined where there is none. */
export function placeOfArn(arn: string): readonly string[] | undefined {
  const [, , service, , , rest = ""] = arn.split(":");
  const type = {
    lambda: "AWS::Lambda::Function",
    sqs: "AWS::SQS::Queue",
    dynamodb: "AWS::DynamoDB::Table",
    s3: "AWS::S3::Bucket",
    logs: "AWS::Logs::LogGroup",
    ses: "AWS::SES::EmailIdentity",
    scheduler: "AWS::Scheduler::Schedule",
    ssm: "AWS::SSM::Parameter",
    secretsmanager: "AWS::SecretsManager::Secret",
    ecs: "AWS::ECS::Service",
  }[service ?? ""];
  return type && rest ? placeOf(type, service === "s3" ? rest.split("/")[0] : arn) : undefined;
}

/** Pages that show all of their kind at once. */
const ONE_PAGE = new Set(["mail", "schedules", "parameters", "secrets", "elasticity"]);

/** The path of its page; undefined where it has none. */
export function placeOf(type: string, physicalId: string | undefined): readonly string[] | undefined {
  const place = KINDS[type]?.place;
  if (!place || !physicalId) return undefined;
  if (ONE_PAGE.has(place)) return [place];
  return [place, type === "AWS::CloudFormation::Stack" ? (physicalId.split("/")[1] ?? physicalId) : nameOf(physicalId)];
}
