/** The official SDK packages, as types only: every operation's input and output is theirs. One line per service that Virga lists. */
export interface ServiceClients {
  apigateway: typeof import("@aws-sdk/client-api-gateway");
  apigatewayv2: typeof import("@aws-sdk/client-apigatewayv2");
  applicationautoscaling: typeof import("@aws-sdk/client-application-auto-scaling");
  budgets: typeof import("@aws-sdk/client-budgets");
  ce: typeof import("@aws-sdk/client-cost-explorer");
  cloudformation: typeof import("@aws-sdk/client-cloudformation");
  cloudwatch: typeof import("@aws-sdk/client-cloudwatch");
  dynamodb: typeof import("@aws-sdk/client-dynamodb");
  dynamodbstreams: typeof import("@aws-sdk/client-dynamodb-streams");
  ec2: typeof import("@aws-sdk/client-ec2");
  ecs: typeof import("@aws-sdk/client-ecs");
  elbv2: typeof import("@aws-sdk/client-elastic-load-balancing-v2");
  events: typeof import("@aws-sdk/client-eventbridge");
  iam: typeof import("@aws-sdk/client-iam");
  lambda: typeof import("@aws-sdk/client-lambda");
  logs: typeof import("@aws-sdk/client-cloudwatch-logs");
  s3: typeof import("@aws-sdk/client-s3");
  scheduler: typeof import("@aws-sdk/client-scheduler");
  secretsmanager: typeof import("@aws-sdk/client-secrets-manager");
  ses: typeof import("@aws-sdk/client-ses");
  sesv2: typeof import("@aws-sdk/client-sesv2");
  sns: typeof import("@aws-sdk/client-sns");
  sqs: typeof import("@aws-sdk/client-sqs");
  ssm: typeof import("@aws-sdk/client-ssm");
  sts: typeof import("@aws-sdk/client-sts");
  xray: typeof import("@aws-sdk/client-xray");
}

export type ServiceName = keyof ServiceClients;

type CommandNames<Client> = {
  [K in keyof Client]: K extends `${infer Name}Command` ? (Name extends "" | "$" ? never : Name) : never;
}[keyof Client];
type CommandOf<Client, Name extends string> = `${Name}Command` extends keyof Client ? Client[`${Name}Command`] : never;

/** Names of a service's operations: `SendMessage` … */
export type OperationName<S extends ServiceName> = CommandNames<ServiceClients[S]> & string;
/** An operation's input, as the SDK types it. */
export type InputOf<S extends ServiceName, O extends OperationName<S>> =
  CommandOf<ServiceClients[S], O> extends new (
    ...input: infer Arguments
  ) => unknown
    ? Arguments extends [infer Input]
      ? Input
      : never
    : never;
/** An operation's output without `$metadata`. */
export type OutputOf<S extends ServiceName, O extends OperationName<S>> =
  CommandOf<ServiceClients[S], O> extends new (
    input: any,
  ) => { resolveMiddleware: (...args: any[]) => (...args: any[]) => Promise<{ output: infer Out }> }
    ? Omit<Out, "$metadata">
    : never;
