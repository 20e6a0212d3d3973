/** What an alarm sets going: notifications, functions, an event on the bus. Scaling policies hear `cloudwatch.AlarmStateChanged` themselves. */
import { AwsError } from "../../../kernel/errors.ts";
import type { FlowContext, Principal } from "../../service.ts";
import type { Place } from "../state.ts";
import { remember } from "./history.ts";
import type { AlarmRecord, StateValue } from "./state.ts";

/** One action of one change, to be carried out. */
export const ALARM_ACTION = "cloudwatch.AlarmAction";
/** A change of state, on its way to EventBridge. */
export const ALARM_EVENT = "cloudwatch.AlarmEvent";

/** The detail of `cloudwatch.AlarmStateChanged`. `oldState` is `newState` where a scaling policy is told again that a state lasts. */
export interface Change extends Place {
  readonly alarmArn: string;
  readonly alarmName: string;
  readonly oldState: StateValue;
  readonly newState: StateValue;
  readonly actions: readonly string[];
  readonly reason: string;
  readonly reasonData: string | undefined;
  readonly configuration: object;
}

export interface AlarmAction extends Change {
  readonly action: string;
  readonly alarm: AlarmRecord;
  readonly before: AlarmRecord["state"];
}

export const isScalingPolicy = (action: string): boolean =>
  /^arn:[^:]*:autoscaling:[^:]*:[^:]*:scalingPolicy:/.test(action);
export const isTopic = (action: string): boolean => /^arn:[^:]*:sns:[^:]*:\d{12}:[^:]+$/.test(action);
export const isFunction = (action: string): boolean => /^arn:[^:]*:lambda:[^:]*:\d{12}:function:.+$/.test(action);

/** @see https://docs.aws.amazon.com/general/latest/gr/rande.html */
const REGION_NAMES: Readonly<Record<string, string>> = {
  "us-east-1": "US East (N. Virginia)",
  "us-east-2": "US East (Ohio)",
  "us-west-1": "US West (N. California)",
  "us-west-2": "US West (Oregon)",
  "eu-central-1": "EU (Frankfurt)",
  "eu-west-1": "EU (Ireland)",
  "eu-west-2": "EU (London)",
  "eu-west-3": "EU (Paris)",
  "eu-north-1": "EU (Stockholm)",
  "ap-southeast-1": "Asia Pacific (Singapore)",
  "ap-southeast-2": "Asia Pacific (Sydney)",
  "ap-northeast-1": "Asia Pacific (Tokyo)",
};

/** Carries one action out and writes down how it went. What the target refuses is not tried again. */
export async function carryOut(flow: FlowContext, detail: AlarmAction): Promise<void> {
  const { action, alarm } = detail;
  let error: AwsError | undefined;
  try {
    if (isTopic(action)) await notify(flow, detail);
    else await invoke(flow, detail);
  } catch (thrown) {
    if (!(thrown instanceof AwsError) || (thrown.status >= 500 && thrown.code !== "NotImplemented")) throw thrown;
    error = thrown;
    flow.log.warn("An alarm's action failed", { alarm: detail.alarmArn, action, error: thrown.message });
  }
  const at: Place = { accountId: detail.accountId, region: detail.region };
  await flow.write((tx, context) =>
    remember(
      tx,
      at,
      alarm,
      {
        type: "Action",
        summary: error ? `Failed to execute action ${action}` : `Successfully executed action ${action}`,
        data: {
          actionState: error ? "Failed" : "Succeeded",
          stateUpdateTimestamp: alarm.state.updatedMs,
          notificationResource: action,
          ...(error ? { error: error.message } : {}),
        },
      },
      context,
    ),
  );
}

const principal = (detail: Change, service: string): Principal => ({
  type: "service",
  service,
  sourceArn: detail.alarmArn,
  sourceAccount: detail.accountId,
});

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html */
async function notify(flow: FlowContext, detail: AlarmAction): Promise<void> {
  const { action, alarm } = detail;
  const region = action.split(":")[3]! as Place["region"];
  const regionName = REGION_NAMES[detail.region] ?? detail.region;
  const state = alarm.state.value === "INSUFFICIENT_DATA" ? "INSUFFICIENT" : alarm.state.value;
  const message = {
    AlarmName: alarm.name,
    AlarmDescription: alarm.description ?? null,
    AWSAccountId: detail.accountId,
    AlarmConfigurationUpdatedTimestamp: stamp(alarm.configuredMs),
    NewStateValue: detail.newState,
    NewStateReason: detail.reason,
    StateChangeTime: stamp(alarm.state.transitionedMs),
    Region: regionName,
    AlarmArn: detail.alarmArn,
    OldStateValue: detail.oldState,
    OKActions: alarm.okActions,
    AlarmActions: alarm.alarmActions,
    InsufficientDataActions: alarm.insufficientDataActions,
    ...(alarm.type === "metric" ? { Trigger: triggerOf(alarm) } : { AlarmRule: alarm.rule }),
  };
  await flow.call(
    "sns",
    "Publish",
    {
      TopicArn: action,
      // A subject holds at most 100 characters.
      Subject: `${state}: "${alarm.name}" in ${regionName}`.slice(0, 100),
      Message: JSON.stringify(message),
    },
    { principal: principal(detail, "cloudwatch.amazonaws.com"), region },
  );
}

function triggerOf(alarm: Extract<AlarmRecord, { type: "metric" }>): object {
  const rules = {
    EvaluationPeriods: alarm.evaluationPeriods,
    DatapointsToAlarm: alarm.datapointsToAlarm ?? alarm.evaluationPeriods,
    ComparisonOperator: alarm.comparison,
    Threshold: alarm.threshold,
    TreatMissingData: alarm.treatMissingData ?? "missing",
    EvaluateLowSampleCountPercentile: alarm.lowSamples ?? "",
  };
  if (!alarm.metric) return { ...rules, Metrics: alarm.queries };
  const { metric } = alarm;
  return {
    MetricName: metric.name,
    Namespace: metric.namespace,
    ...(metric.statistic === undefined
      ? { StatisticType: "ExtendedStatistic", ExtendedStatistic: metric.extendedStatistic }
      : { StatisticType: "Statistic", Statistic: metric.statistic.toUpperCase() }),
    Unit: metric.unit ?? null,
    Dimensions: metric.dimensions.map(({ Name, Value }) => ({ value: Value, name: Name })),
    Period: metric.periodSeconds,
    ...rules,
  };
}

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html */
async function invoke(flow: FlowContext, detail: AlarmAction): Promise<void> {
  const payload = {
    source: "aws.cloudwatch",
    alarmArn: detail.alarmArn,
    accountId: detail.accountId,
    time: stamp(detail.alarm.state.updatedMs),
    region: detail.region,
    alarmData: alarmData(detail.alarm, detail.before, detail.configuration),
  };
  await flow.call(
    "lambda",
    "Invoke",
    { FunctionName: detail.action, InvocationType: "Event", Payload: Buffer.from(JSON.stringify(payload)) },
    { principal: principal(detail, "lambda.alarms.cloudwatch.amazonaws.com") },
  );
}

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html */
export async function putEvent(
  flow: FlowContext,
  { change, before, alarm }: { change: Change; before: AlarmRecord["state"]; alarm: AlarmRecord },
): Promise<void> {
  const entry = {
    Source: "aws.cloudwatch",
    DetailType: "CloudWatch Alarm State Change",
    Time: new Date(alarm.state.updatedMs),
    Resources: [change.alarmArn],
    Detail: JSON.stringify(alarmData(alarm, before, change.configuration)),
  };
  try {
    await flow.call(
      "events",
      "PutEvents",
      { Entries: [entry] },
      { principal: principal(change, "cloudwatch.amazonaws.com") },
    );
  } catch (error) {
    // A platform without an event bus.
    if (!(error instanceof AwsError) || error.code !== "NotImplemented") throw error;
  }
}

function alarmData(alarm: AlarmRecord, before: AlarmRecord["state"], configuration: object): object {
  const shown = (state: AlarmRecord["state"]) => ({
    value: state.value,
    reason: state.reason,
    ...(state.reasonData === undefined ? {} : { reasonData: state.reasonData }),
    timestamp: stamp(state.updatedMs),
  });
  return { alarmName: alarm.name, state: shown(alarm.state), previousState: shown(before), configuration };
}

/** `2026-01-01T00:00:00.000+0000` */
export const stamp = (atMs: number): string => new Date(atMs).toISOString().replace("Z", "+0000");
