/**
 * Amazon EventBridge Scheduler: calls of any operation, at a time or again and again.
 *
 * `state.ts` says what is kept; `schedules.ts` and `groups.ts` hold the operations; `targets.ts` what a schedule calls, `timers.ts` when it is
 * due, `invocations.ts` how the call is made.
 */
import { createRoles } from "../delivery-common/roles.ts";
import { defineService, type OperationContext, type Permission, type Service } from "../service.ts";
import {
  createScheduleGroup,
  deleteScheduleGroup,
  GROUP_DELETED,
  getScheduleGroup,
  listScheduleGroups,
  listTagsForResource,
  sweepGroup,
  tagResource,
  untagResource,
} from "./groups.ts";
import { invokeTarget, TARGET_DUE } from "./invocations.ts";
import type { UniversalCalls } from "./ports.ts";
import { resources } from "./resources.ts";
import { createSchedule, deleteSchedule, getSchedule, listSchedules, updateSchedule } from "./schedules.ts";
import { DEFAULT_GROUP, groupArn, scheduleArn } from "./state.ts";
import { SCHEDULE_DUE, scheduleDue } from "./timers.ts";

type Where = Pick<OperationContext, "accountId" | "region">;
type Named = { readonly Name?: string | undefined; readonly GroupName?: string | undefined };
type WithRole = Named & { readonly Target?: { readonly RoleArn?: string | undefined } | undefined };

/** Calls under way at once. */
const CALLS_MAX = 64;

const onSchedule =
  (action: string) =>
  ({ Name = "", GroupName = DEFAULT_GROUP }: Named, at: Where): Permission => ({
    action: `scheduler:${action}`,
    resource: scheduleArn(at, { group: GroupName, name: Name }),
  });

/** Who makes a schedule hands its role on. */
const withRole =
  (action: string) =>
  (input: WithRole, at: Where): Permission[] => [
    onSchedule(action)(input, at),
    {
      action: "iam:PassRole",
      resource: input.Target?.RoleArn ?? "*",
      conditions: { "iam:PassedToService": "scheduler.amazonaws.com" },
    },
  ];

const onGroup =
  (action: string) =>
  ({ Name = "" }: Named, at: Where): Permission => ({ action: `scheduler:${action}`, resource: groupArn(at, Name) });

const onArn =
  (action: string) =>
  ({ ResourceArn = "*" }: { readonly ResourceArn?: string | undefined }): Permission => ({
    action: `scheduler:${action}`,
    resource: ResourceArn,
  });

export function createScheduler(calls: UniversalCalls): Service<"scheduler"> {
  return defineService<"scheduler">({
    name: "scheduler",
    operations: {
      CreateSchedule: createSchedule(calls),
      CreateScheduleGroup: createScheduleGroup,
      DeleteSchedule: deleteSchedule,
      DeleteScheduleGroup: deleteScheduleGroup,
      GetSchedule: getSchedule,
      GetScheduleGroup: getScheduleGroup,
      ListScheduleGroups: listScheduleGroups,
      ListSchedules: listSchedules,
      ListTagsForResource: listTagsForResource,
      TagResource: tagResource,
      UntagResource: untagResource,
      UpdateSchedule: updateSchedule(calls),
    },
    unsupported: {
      CreateSchedule: ["KmsKeyArn", ...UNSUPPORTED_TARGETS],
      UpdateSchedule: ["KmsKeyArn", ...UNSUPPORTED_TARGETS],
    },
    permissions: {
      CreateSchedule: withRole("CreateSchedule"),
      UpdateSchedule: withRole("UpdateSchedule"),
      DeleteSchedule: onSchedule("DeleteSchedule"),
      GetSchedule: onSchedule("GetSchedule"),
      CreateScheduleGroup: onGroup("CreateScheduleGroup"),
      DeleteScheduleGroup: onGroup("DeleteScheduleGroup"),
      GetScheduleGroup: onGroup("GetScheduleGroup"),
      ListTagsForResource: onArn("ListTagsForResource"),
      TagResource: onArn("TagResource"),
      UntagResource: onArn("UntagResource"),
    },
    hears: {
      [GROUP_DELETED]: { operation: sweepGroup },
      [SCHEDULE_DUE]: { operation: scheduleDue },
      [TARGET_DUE]: { flow: invokeTarget(calls, createRoles("scheduler.amazonaws.com")), concurrency: CALLS_MAX },
    },
    resources,
  });
}

const UNSUPPORTED_TARGETS = [
  "Target.EcsParameters",
  "Target.EventBridgePutEventsV2Parameters",
  "Target.EventBridgePutRawEventsParameters",
  "Target.KinesisParameters",
  "Target.SageMakerPipelineParameters",
];
