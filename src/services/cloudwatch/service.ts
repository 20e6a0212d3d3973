/**
 * Amazon CloudWatch: metrics, metric math, alarms, dashboards.
 *
 * `state.ts` says what is kept, `points.ts` what a datapoint is, `data.ts` how they are written and read, `roll-up.ts` how they age; `math/` is metric math;
 * `alarms/` holds alarms, where `decide.ts` is the heart.
 */
import { arn } from "../../kernel/arn.ts";
import type { Measurements } from "../../kernel/measurements.ts";
import { defineService, type OperationContext, type Permission, type Service } from "../service.ts";
import { ALARM_ACTION, ALARM_EVENT, carryOut, putEvent } from "./alarms/actions.ts";
import { deleteAlarms, disableAlarmActions, enableAlarmActions, setAlarmState } from "./alarms/change.ts";
import { endSuppression, putCompositeAlarm, SUPPRESSION_DUE } from "./alarms/composite.ts";
import { describeAlarms, describeAlarmsForMetric } from "./alarms/describe.ts";
import { ALARM_DUE, evaluateAlarm } from "./alarms/evaluate.ts";
import { describeAlarmHistory } from "./alarms/history.ts";
import { putMetricAlarm } from "./alarms/put-metric-alarm.ts";
import { deleteDashboards, getDashboard, listDashboards, putDashboard } from "./dashboards.ts";
import { storeFound } from "./from-logs.ts";
import { listMetrics } from "./list-metrics.ts";
import { takeMeasurements } from "./measured.ts";
import { getMetricData } from "./metric-data.ts";
import { getMetricStatistics } from "./metric-statistics.ts";
import { putMetricData } from "./put-metric-data.ts";
import { resources } from "./resources.ts";
import { ROLL_UP_DUE, rollUp } from "./roll-up.ts";
import { listTagsForResource, tagResource, untagResource } from "./tags.ts";

type Where = Pick<OperationContext, "accountId" | "region">;

const onAlarm =
  (action: string) =>
  (input: { AlarmName?: string | undefined }, at: Where): Permission => ({
    action: `cloudwatch:${action}`,
    resource: arn("cloudwatch", at.region, at.accountId, `alarm:${input.AlarmName ?? "*"}`),
  });

const onAlarms =
  (action: string) =>
  (input: { AlarmNames?: readonly string[] | undefined }, at: Where): readonly Permission[] =>
    (input.AlarmNames?.length ? input.AlarmNames : ["*"]).map((name) => onAlarm(action)({ AlarmName: name }, at));

const onDashboard =
  (action: string) =>
  (input: { DashboardName?: string | undefined }, at: Where): Permission => ({
    action: `cloudwatch:${action}`,
    resource: arn("cloudwatch", "", at.accountId, `dashboard/${input.DashboardName ?? "*"}`),
  });

const onResource =
  (action: string) =>
  (input: { ResourceARN?: string | undefined }): Permission => ({
    action: `cloudwatch:${action}`,
    resource: input.ResourceARN ?? "*",
  });

/** @param measurements Virga's own metrics, which are stored minute by minute */
export const createCloudwatch = (measurements: Measurements): Service<"cloudwatch"> =>
  defineService<"cloudwatch">({
    name: "cloudwatch",
    operations: {
      DeleteAlarms: deleteAlarms,
      DeleteDashboards: deleteDashboards,
      DescribeAlarmHistory: describeAlarmHistory,
      DescribeAlarms: describeAlarms,
      DescribeAlarmsForMetric: describeAlarmsForMetric,
      DisableAlarmActions: disableAlarmActions,
      EnableAlarmActions: enableAlarmActions,
      GetDashboard: getDashboard,
      GetMetricData: getMetricData,
      GetMetricStatistics: getMetricStatistics,
      ListDashboards: listDashboards,
      ListMetrics: listMetrics,
      ListTagsForResource: listTagsForResource,
      PutCompositeAlarm: putCompositeAlarm,
      PutDashboard: putDashboard,
      PutMetricAlarm: putMetricAlarm,
      PutMetricData: putMetricData,
      SetAlarmState: setAlarmState,
      TagResource: tagResource,
      UntagResource: untagResource,
    },
    unsupported: {
      DescribeAlarmHistory: ["AlarmContributorId"],
      GetMetricData: ["LabelOptions"],
      ListMetrics: ["OwningAccount"],
      PutCompositeAlarm: ["ActionConfiguration"],
      PutMetricAlarm: [
        "ThresholdMetricId",
        "EvaluationWindow",
        "WarmUpConfiguration",
        "EvaluationCriteria",
        "EvaluationInterval",
        "ActionConfiguration",
      ],
      PutMetricData: ["EntityMetricData[]", "StrictEntityValidation"],
    },
    permissions: {
      DeleteAlarms: onAlarms("DeleteAlarms"),
      DeleteDashboards: (input, at) =>
        (input.DashboardNames?.length ? input.DashboardNames : ["*"]).map((DashboardName) =>
          onDashboard("DeleteDashboards")({ DashboardName }, at),
        ),
      DescribeAlarmHistory: onAlarm("DescribeAlarmHistory"),
      DescribeAlarms: onAlarms("DescribeAlarms"),
      DisableAlarmActions: onAlarms("DisableAlarmActions"),
      EnableAlarmActions: onAlarms("EnableAlarmActions"),
      GetDashboard: onDashboard("GetDashboard"),
      ListTagsForResource: onResource("ListTagsForResource"),
      PutCompositeAlarm: onAlarm("PutCompositeAlarm"),
      PutDashboard: onDashboard("PutDashboard"),
      PutMetricAlarm: onAlarm("PutMetricAlarm"),
      PutMetricData: (input) => ({
        action: "cloudwatch:PutMetricData",
        resource: "*",
        conditions: { "cloudwatch:namespace": input.Namespace ?? "" },
      }),
      SetAlarmState: onAlarm("SetAlarmState"),
      TagResource: onResource("TagResource"),
      UntagResource: onResource("UntagResource"),
    },
    hears: {
      [ROLL_UP_DUE]: { operation: rollUp, untraced: true },
      [ALARM_DUE]: { operation: evaluateAlarm },
      [SUPPRESSION_DUE]: { operation: endSuppression },
      [ALARM_ACTION]: { flow: carryOut },
      [ALARM_EVENT]: { flow: putEvent },
      "logs.MetricsFound": { operation: storeFound },
    },
    resources,
    start: takeMeasurements(measurements),
  });
