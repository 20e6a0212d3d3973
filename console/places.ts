/** The pages there are: what navigation, palette and shortcuts are made from. */
import type { IconName } from "./parts/icons.tsx";

export interface Place {
  readonly path: string;
  readonly title: string;
  readonly icon: IconName;
  /** Pressed after `g`. */
  readonly key: string;
  /** Shown where this service is there. */
  readonly service?: string;
}

export const PLACES: readonly (readonly [title: string, places: readonly Place[]])[] = [
  [
    "What happens",
    [
      { path: "map", title: "Map", icon: "map", key: "m" },
      { path: "traces", title: "Traces", icon: "trace", key: "t", service: "xray" },
      { path: "elasticity", title: "Elasticity", icon: "elastic", key: "e" },
      { path: "cost", title: "Cost", icon: "cost", key: "c", service: "ce" },
    ],
  ],
  [
    "What is there",
    [
      { path: "stacks", title: "Stacks", icon: "stack", key: "s", service: "cloudformation" },
      { path: "functions", title: "Functions", icon: "lambda", key: "f", service: "lambda" },
      { path: "queues", title: "Queues", icon: "queue", key: "q", service: "sqs" },
      { path: "tables", title: "Tables", icon: "table", key: "d", service: "dynamodb" },
      { path: "buckets", title: "Buckets", icon: "bucket", key: "b", service: "s3" },
      { path: "mail", title: "Mail", icon: "mail", key: "i", service: "ses" },
      { path: "logs", title: "Logs", icon: "log", key: "l", service: "logs" },
      { path: "schedules", title: "Schedules", icon: "clock", key: "h", service: "scheduler" },
      { path: "parameters", title: "Parameters", icon: "parameter", key: "p", service: "ssm" },
      { path: "secrets", title: "Secrets", icon: "key", key: "x", service: "secretsmanager" },
    ],
  ],
];

export const placesOf = (services: readonly string[]): readonly Place[] =>
  PLACES.flatMap(([, places]) => places).filter(({ service }) => service === undefined || services.includes(service));
