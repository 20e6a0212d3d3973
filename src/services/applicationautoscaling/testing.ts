/** Stand-ins for the services beside this one: alarms and metrics that a test sets, container services that only count. */

import { AwsError } from "../../kernel/errors.ts";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import { dynamodb } from "../dynamodb/service.ts";
import { defineService, type InputOf, type Service } from "../service.ts";
import { applicationautoscaling } from "./service.ts";

const MINUTE_MS = 60_000;

type AlarmInput = InputOf<"cloudwatch", "PutMetricAlarm">;

export interface Scene {
  readonly platform: TestPlatform;
  /** Alarms by name, as they were put. */
  readonly alarms: Map<string, AlarmInput & { state: "OK" | "ALARM" | "INSUFFICIENT_DATA" }>;
  /** Values of the last minutes, by the metric's name, the latest last. */
  readonly values: Map<string, number[]>;
  /** Desired counts, by service. */
  readonly desired: Map<string, number>;
  /** Services that are being deployed. */
  readonly deploying: Set<string>;
  /** Brings the alarm whose name matches to a state, as CloudWatch does. */
  turn(name: RegExp, state: "OK" | "ALARM" | "INSUFFICIENT_DATA"): Promise<void>;
  /** Lets time pass; what is in ALARM tells its policies so every minute. */
  advance(ms: number): Promise<void>;
}

const fakeCloudwatch = (alarms: Scene["alarms"], values: Scene["values"]) =>
  defineService<"cloudwatch">({
    name: "cloudwatch",
    operations: {
      PutMetricAlarm: (_tx, input) => {
        alarms.set(input.AlarmName!, { state: alarms.get(input.AlarmName!)?.state ?? "INSUFFICIENT_DATA", ...input });
        return {};
      },
      DeleteAlarms: (_tx, input) => {
        for (const name of input.AlarmNames!) alarms.delete(name);
        return {};
      },
      DescribeAlarms: (_tx, input) => ({
        MetricAlarms: (input.AlarmNames ?? []).flatMap((name) => {
          const alarm = alarms.get(name);
          return alarm ? [{ ...alarm, StateValue: alarm.state } as never] : [];
        }),
      }),
      GetMetricData: (_tx, input) => ({
        MetricDataResults: input.MetricDataQueries!.map(({ Id, MetricStat, Expression }) => ({
          Id,
          Values: values.get(Expression ?? MetricStat!.Metric!.MetricName!) ?? [],
        })),
      }),
    },
  });

const fakeEcs = (desired: Scene["desired"], deploying: Scene["deploying"]) =>
  defineService<"ecs">({
    name: "ecs",
    operations: {
      DescribeServices: (_tx, input) => ({
        services: input.services!.flatMap((name) =>
          desired.has(name)
            ? [
                {
                  status: "ACTIVE",
                  desiredCount: desired.get(name)!,
                  deployments: deploying.has(name) ? [{}, {}] : [{}],
                },
              ]
            : [],
        ),
      }),
      UpdateService: (_tx, input) => {
        if (input.desiredCount! > 1000) throw new AwsError("InvalidParameterException", "Too many tasks.");
        desired.set(input.service!, input.desiredCount!);
        return {};
      },
    },
  });

export async function openScene(nowMs: number): Promise<Scene> {
  const alarms: Scene["alarms"] = new Map();
  const values: Scene["values"] = new Map();
  const desired: Scene["desired"] = new Map();
  const deploying: Scene["deploying"] = new Set();
  const platform = await openTestPlatform({
    nowMs,
    services: [
      applicationautoscaling,
      dynamodb,
      fakeCloudwatch(alarms, values),
      fakeEcs(desired, deploying),
    ] as unknown as Service[],
  });
  const quiet = async () => {
    for (let turn = 0; turn < 4; turn++) await platform.settle();
  };
  const tell = async (alarmName: string, oldState: string) => {
    const { state: newState, AlarmActions } = alarms.get(alarmName)!;
    await platform.flow().write((tx, { accountId, region }) =>
      tx.emit({
        type: "cloudwatch.AlarmStateChanged",
        detail: {
          accountId,
          region,
          alarmName,
          alarmArn: `arn:aws:cloudwatch:${region}:${accountId}:alarm:${alarmName}`,
          oldState,
          newState,
          actions: newState === "ALARM" ? (AlarmActions ?? []) : [],
        },
      }),
    );
    await quiet();
  };
  return {
    platform,
    alarms,
    values,
    desired,
    deploying,
    async turn(pattern, newState) {
      const [name, alarm] = [...alarms].find(([known]) => pattern.test(known))!;
      const oldState = alarm.state;
      alarm.state = newState;
      await tell(name, oldState);
    },
    async advance(ms) {
      for (let leftMs = ms; leftMs > 0; leftMs -= MINUTE_MS) {
        await platform.advance(Math.min(leftMs, MINUTE_MS));
        await quiet();
        if (leftMs < MINUTE_MS) break;
        for (const [name, { state }] of alarms) if (state === "ALARM") await tell(name, state);
      }
    },
  };
}
