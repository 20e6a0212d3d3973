/**
 * The price list: us-east-1, US dollars, as published from 2025 to mid-2026. Bills name its date and region; no free tier unless asked for.
 * Sources are the pricing pages of each service, named beside it.
 */

export const PRICE_LIST = { region: "us-east-1", currency: "USD", asOf: "2026-06-30" } as const;

export interface Price {
  /** As Cost Explorer names the service. */
  readonly service: string;
  /** What one priced unit is called: `Requests`, `GB-Mo`. */
  readonly unit: string;
  /** How many units of the ledger make a priced unit. */
  readonly per: number;
  /** Dollars per priced unit, up to that many priced units a month; the last has no end. */
  readonly tiers: readonly { readonly upTo: number; readonly dollars: number }[];
  /** Priced units a month that cost nothing, where the free tier is asked for. */
  readonly free?: number;
  /** What shares this name shares tiers and the free part, whatever the service. */
  readonly pool?: string;
}

const GB = 2 ** 30;
/** AWS's month of storage and of hours, on average. */
export const MONTH_HOURS = 730;
const flat = (dollars: number) => [{ upTo: Infinity, dollars }];
const MILLION = 1e6;

const LAMBDA = "AWS Lambda";
const SQS = "Amazon Simple Queue Service";
const S3 = "Amazon Simple Storage Service";
const DYNAMODB = "Amazon DynamoDB";
const API_GATEWAY = "Amazon API Gateway";
const SNS = "Amazon Simple Notification Service";
const EVENTS = "CloudWatch Events";
const SES = "Amazon Simple Email Service";
const CLOUDWATCH = "AmazonCloudWatch";
const ECS = "Amazon Elastic Container Service";
const ELB = "Amazon Elastic Load Balancing";

const X86_GB_SECONDS = [
  { upTo: 6e9, dollars: 0.0000166667 },
  { upTo: 15e9, dollars: 0.000015 },
  { upTo: Infinity, dollars: 0.0000133334 },
];
const ARM_GB_SECONDS = [
  { upTo: 7.5e9, dollars: 0.0000133334 },
  { upTo: 18.75e9, dollars: 0.0000120001 },
  { upTo: Infinity, dollars: 0.0000106667 },
];

/** Out to the internet; services are added up. @see https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer */
const transferOut = (service: string): Price => ({
  service,
  unit: "GB",
  per: GB,
  tiers: [
    { upTo: 10_240, dollars: 0.09 },
    { upTo: 51_200, dollars: 0.085 },
    { upTo: 153_600, dollars: 0.07 },
    { upTo: Infinity, dollars: 0.05 },
  ],
  free: 100,
  pool: "DataTransfer-Out-Bytes",
});

/** Fargate Spot is up to 70 % cheaper; its price moves with supply, and this is the least. @see https://aws.amazon.com/fargate/pricing/ */
const SPOT = 0.3;

/** By the service of the resource's ARN and the usage type. */
export const PRICES: Readonly<Record<string, Price>> = {
  // https://aws.amazon.com/lambda/pricing/
  "lambda Request": { service: LAMBDA, unit: "Requests", per: 1, tiers: flat(0.2 / MILLION), free: MILLION },
  "lambda Request-ARM": { service: LAMBDA, unit: "Requests", per: 1, tiers: flat(0.2 / MILLION), free: MILLION },
  "lambda Lambda-GB-Second": {
    service: LAMBDA,
    unit: "Lambda-GB-Second",
    per: 1,
    tiers: X86_GB_SECONDS,
    free: 400_000,
  },
  "lambda Lambda-GB-Second-ARM": {
    service: LAMBDA,
    unit: "Lambda-GB-Second",
    per: 1,
    tiers: ARM_GB_SECONDS,
    free: 400_000,
  },
  // Kept in GB-hours, priced by the GB-second. No free tier.
  "lambda Lambda-Provisioned-Concurrency": {
    service: LAMBDA,
    unit: "Lambda-GB-Second",
    per: 1 / 3600,
    tiers: flat(0.0000041667),
  },
  "lambda Lambda-Provisioned-Concurrency-ARM": {
    service: LAMBDA,
    unit: "Lambda-GB-Second",
    per: 1 / 3600,
    tiers: flat(0.0000033334),
  },
  "lambda Lambda-Provisioned-GB-Second": {
    service: LAMBDA,
    unit: "Lambda-GB-Second",
    per: 1,
    tiers: flat(0.0000097222),
  },
  "lambda Lambda-Provisioned-GB-Second-ARM": {
    service: LAMBDA,
    unit: "Lambda-GB-Second",
    per: 1,
    tiers: flat(0.0000077778),
  },
  "lambda DataTransfer-Out-Bytes": transferOut(LAMBDA),
  // https://aws.amazon.com/sqs/pricing/
  "sqs Requests-Tier1": { service: SQS, unit: "Requests", per: 1, tiers: flat(0.4 / MILLION), free: MILLION },
  "sqs Requests-FIFO-Tier1": { service: SQS, unit: "Requests", per: 1, tiers: flat(0.5 / MILLION), free: MILLION },
  // https://aws.amazon.com/s3/pricing/
  "s3 Requests-Tier1": { service: S3, unit: "Requests", per: 1, tiers: flat(0.005 / 1000) },
  "s3 Requests-Tier2": { service: S3, unit: "Requests", per: 1, tiers: flat(0.0004 / 1000) },
  "s3 TimedStorage-ByteHrs": {
    service: S3,
    unit: "GB-Mo",
    per: GB * MONTH_HOURS,
    tiers: [
      { upTo: 51_200, dollars: 0.023 },
      { upTo: 512_000, dollars: 0.022 },
      { upTo: Infinity, dollars: 0.021 },
    ],
  },
  "s3 DataTransfer-Out-Bytes": transferOut(S3),
  // https://aws.amazon.com/dynamodb/pricing/on-demand/
  "dynamodb ReadRequestUnits": { service: DYNAMODB, unit: "ReadRequestUnits", per: 1, tiers: flat(0.125 / MILLION) },
  "dynamodb WriteRequestUnits": { service: DYNAMODB, unit: "WriteRequestUnits", per: 1, tiers: flat(0.625 / MILLION) },
  "dynamodb TimedStorage-ByteHrs": {
    service: DYNAMODB,
    unit: "GB-Mo",
    per: GB * MONTH_HOURS,
    tiers: flat(0.25),
    free: 25,
  },
  "dynamodb Streams-Requests": {
    service: DYNAMODB,
    unit: "Requests",
    per: 1,
    tiers: flat(0.02 / 100_000),
    free: 2.5 * MILLION,
  },
  // https://aws.amazon.com/dynamodb/pricing/provisioned/
  "dynamodb ReadCapacityUnit-Hrs": {
    service: DYNAMODB,
    unit: "ReadCapacityUnit-Hrs",
    per: 1,
    tiers: flat(0.00013),
    free: 25 * MONTH_HOURS,
  },
  "dynamodb WriteCapacityUnit-Hrs": {
    service: DYNAMODB,
    unit: "WriteCapacityUnit-Hrs",
    per: 1,
    tiers: flat(0.00065),
    free: 25 * MONTH_HOURS,
  },
  // https://aws.amazon.com/api-gateway/pricing/
  "apigateway ApiGatewayRequest": {
    service: API_GATEWAY,
    unit: "Requests",
    per: 1,
    tiers: [
      { upTo: 333e6, dollars: 3.5 / MILLION },
      { upTo: 1e9, dollars: 2.8 / MILLION },
      { upTo: 20e9, dollars: 2.38 / MILLION },
      { upTo: Infinity, dollars: 1.51 / MILLION },
    ],
  },
  "apigateway ApiGatewayHttpRequest": {
    service: API_GATEWAY,
    unit: "Requests",
    per: 1,
    tiers: [
      { upTo: 300e6, dollars: 1 / MILLION },
      { upTo: Infinity, dollars: 0.9 / MILLION },
    ],
  },
  "apigateway DataTransfer-Out-Bytes": transferOut(API_GATEWAY),
  // https://aws.amazon.com/sns/pricing/
  "sns Requests-Tier1": { service: SNS, unit: "Requests", per: 1, tiers: flat(0.5 / MILLION), free: MILLION },
  "sns DeliveryAttempts-HTTP": {
    service: SNS,
    unit: "Notifications",
    per: 1,
    tiers: flat(0.6 / MILLION),
    free: 100_000,
  },
  "sns DeliveryAttempts-SMTP": {
    service: SNS,
    unit: "Notifications",
    per: 1,
    tiers: flat(2 / 100_000),
    free: 1000,
  },
  // https://aws.amazon.com/eventbridge/pricing/
  "events Event-64K-Chunks": { service: EVENTS, unit: "64K-Chunks", per: 1, tiers: flat(1 / MILLION) },
  "scheduler Invocations": {
    service: EVENTS,
    unit: "Invocations",
    per: 1,
    tiers: flat(1 / MILLION),
    free: 14 * MILLION,
  },
  // https://aws.amazon.com/ses/pricing/
  "ses Recipients": { service: SES, unit: "Recipients", per: 1, tiers: flat(0.1 / 1000) },
  // https://aws.amazon.com/cloudwatch/pricing/
  "logs DataProcessing-Bytes": { service: CLOUDWATCH, unit: "GB", per: GB, tiers: flat(0.5), free: 5 },
  "logs TimedStorage-ByteHrs": {
    service: CLOUDWATCH,
    unit: "GB-Mo",
    per: GB * MONTH_HOURS,
    tiers: flat(0.03),
    free: 5,
  },
  "cloudwatch CW:AlarmMonitorUsage": {
    service: CLOUDWATCH,
    unit: "Alarms",
    per: MONTH_HOURS,
    tiers: flat(0.1),
    free: 10,
  },
  "cloudwatch CW:HighResAlarmMonitorUsage": { service: CLOUDWATCH, unit: "Alarms", per: MONTH_HOURS, tiers: flat(0.3) },
  "cloudwatch CW:CompositeAlarmMonitorUsage": {
    service: CLOUDWATCH,
    unit: "Alarms",
    per: MONTH_HOURS,
    tiers: flat(0.5),
  },
  "cloudwatch CW:MetricMonitorUsage": {
    service: CLOUDWATCH,
    unit: "Metrics",
    per: MONTH_HOURS,
    tiers: [
      { upTo: 10_000, dollars: 0.3 },
      { upTo: 250_000, dollars: 0.1 },
      { upTo: 1e6, dollars: 0.05 },
      { upTo: Infinity, dollars: 0.02 },
    ],
    free: 10,
  },
  // https://aws.amazon.com/fargate/pricing/
  "ecs Fargate-vCPU-Hours:perCPU": { service: ECS, unit: "hours", per: 1, tiers: flat(0.04048) },
  "ecs Fargate-GB-Hours": { service: ECS, unit: "hours", per: 1, tiers: flat(0.004445) },
  "ecs Fargate-ARM-vCPU-Hours:perCPU": { service: ECS, unit: "hours", per: 1, tiers: flat(0.03238) },
  "ecs Fargate-ARM-GB-Hours": { service: ECS, unit: "hours", per: 1, tiers: flat(0.00356) },
  "ecs SpotUsage-Fargate-vCPU-Hours:perCPU": { service: ECS, unit: "hours", per: 1, tiers: flat(0.04048 * SPOT) },
  "ecs SpotUsage-Fargate-GB-Hours": { service: ECS, unit: "hours", per: 1, tiers: flat(0.004445 * SPOT) },
  "ecs SpotUsage-Fargate-ARM-vCPU-Hours:perCPU": { service: ECS, unit: "hours", per: 1, tiers: flat(0.03238 * SPOT) },
  "ecs SpotUsage-Fargate-ARM-GB-Hours": { service: ECS, unit: "hours", per: 1, tiers: flat(0.00356 * SPOT) },
  // https://aws.amazon.com/elasticloadbalancing/pricing/
  "elasticloadbalancing LoadBalancerUsage": { service: ELB, unit: "Hrs", per: 1, tiers: flat(0.0225) },
  "elasticloadbalancing LCUUsage": { service: ELB, unit: "LCU-Hrs", per: 1, tiers: flat(0.008) },
  "elasticloadbalancing DataTransfer-Out-Bytes": transferOut(ELB),
};

/** What a resource's usage costs; undefined where the list has no price. */
export function priceOf(resource: string, usageType: string): Price | undefined {
  const key = `${resource.split(":")[2]} ${usageType}`;
  return Object.hasOwn(PRICES, key) ? PRICES[key] : undefined;
}

/** Dollars for `quantity` priced units when `before` were used already this month. */
export function dollarsFor({ tiers, free = 0 }: Price, before: number, quantity: number, freeTier = false): number {
  const skipped = freeTier ? free : 0;
  let dollars = 0;
  let from = 0;
  for (const { upTo, dollars: each } of tiers) {
    const start = Math.max(from, before, skipped);
    const end = Math.min(upTo, before + quantity);
    if (end > start) dollars += (end - start) * each;
    from = upTo;
  }
  return dollars;
}
