/** What kinds of resources there are: their picture, and the page where one of them is looked at. */
import { nameOf } from "./parts/format.ts";
import type { IconName } from "./parts/icons.tsx";

interface Kind {
  readonly icon: IconName;
  readonly place?: string;
  readonly word: string;
}

const KINDS: Readonly<Record<string, Kind>> = {
  "AWS::Lambda::Function": { icon: "lambda", place: "functions", word: "Function" },
  "AWS::SQS::Queue": { icon: "queue", place: "queues", word: "Queue" },
  "AWS::DynamoDB::Table": { icon: "table", place: "tables", word: "Table" },
  "AWS::S3::Bucket": { icon: "bucket", place: "buckets", word: "Bucket" },
  "AWS::Logs::LogGroup": { icon: "log", place: "logs", word: "Log group" },
  "AWS::CloudFormation::Stack": { icon: "stack", place: "stacks", word: "Stack" },
  "AWS::ApiGatewayV2::Api": { icon: "api", word: "HTTP API" },
  "AWS::ApiGateway::RestApi": { icon: "api", word: "REST API" },
  "AWS::SNS::Topic": { icon: "topic", word: "Topic" },
  "AWS::Events::Rule": { icon: "clock", word: "Rule" },
  "AWS::Scheduler::Schedule": { icon: "clock", place: "schedules", word: "Schedule" },
  "AWS::SSM::Parameter": { icon: "parameter", place: "parameters", word: "Parameter" },
  "AWS::SecretsManager::Secret": { icon: "key", place: "secrets", word: "Secret" },
  "AWS::ECS::Service": { icon: "container", word: "Service" },
  "AWS::ECS::Cluster": { icon: "container", word: "Cluster" },
  outside: { icon: "outside", word: "Callers" },
  application: { icon: "other", word: "Application" },
  "AWS::IAM::Role": { icon: "role", word: "Role" },
  "AWS::SES::EmailIdentity": { icon: "mail", place: "mail", word: "Mail identity" },
};

export const kindOf = (type: string): Kind => KINDS[type] ?? { icon: "other", word: type.replace(/^AWS::/, "") };

/** The path of its page; undefined where it has none. */
export function placeOf(type: string, physicalId: string | undefined): readonly string[] | undefined {
  const place = KINDS[type]?.place;
  if (!place || !physicalId) return undefined;
  if (place === "mail") return ["mail"];
  return [place, type === "AWS::CloudFormation::Stack" ? (physicalId.split("/")[1] ?? physicalId) : nameOf(physicalId)];
}
