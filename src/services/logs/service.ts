/** Amazon CloudWatch Logs: groups, streams and events; search with filter patterns; retention. */
import { defineService, type Permission } from "../service.ts";
import { filterLogEvents, getLogEvents, putLogEvents } from "./events.ts";
import {
  createLogGroup,
  deleteLogGroup,
  deleteRetentionPolicy,
  describeLogGroups,
  GROUP_DELETED,
  listLogGroups,
  listTagsForResource,
  listTagsLogGroup,
  putLogGroupDeletionProtection,
  putRetentionPolicy,
  RETENTION_DUE,
  removeGroup,
  sweepExpired,
  tagLogGroup,
  tagResource,
  untagLogGroup,
  untagResource,
} from "./groups.ts";
import { deleteMetricFilter, describeMetricFilters, putMetricFilter } from "./metric-filters.ts";
import { resources } from "./resources.ts";
import { groupArn, nameOfGroup, type Place, streamArn } from "./state.ts";
import { createLogStream, deleteLogStream, describeLogStreams, removeStream, STREAM_DELETED } from "./streams.ts";

interface Named {
  readonly logGroupName?: string | undefined;
  readonly logGroupIdentifier?: string | undefined;
  readonly logStreamName?: string | undefined;
}

const groupOf = (input: Named, at: Place): string =>
  groupArn(at, input.logGroupName ?? nameOfGroup(input.logGroupIdentifier ?? ""));

/** Group actions are checked against `…:log-group:NAME:*`, as templates write it. */
const onGroup =
  (action: string) =>
  (input: Named, at: Place): Permission => ({ action: `logs:${action}`, resource: `${groupOf(input, at)}:*` });

const onStream =
  (action: string) =>
  (input: Named, at: Place): Permission => ({
    action: `logs:${action}`,
    resource: streamArn(
      at,
      input.logGroupName ?? nameOfGroup(input.logGroupIdentifier ?? ""),
      input.logStreamName ?? "",
    ),
  });

const onResource =
  (action: string) =>
  (input: { readonly resourceArn?: string | undefined }): Permission => ({
    action: `logs:${action}`,
    resource: input.resourceArn ?? "*",
  });

export const logs = defineService<"logs">({
  name: "logs",
  operations: {
    CreateLogGroup: createLogGroup,
    DeleteLogGroup: deleteLogGroup,
    DescribeLogGroups: describeLogGroups,
    ListLogGroups: listLogGroups,
    PutLogGroupDeletionProtection: putLogGroupDeletionProtection,
    PutRetentionPolicy: putRetentionPolicy,
    DeleteRetentionPolicy: deleteRetentionPolicy,
    TagResource: tagResource,
    UntagResource: untagResource,
    ListTagsForResource: listTagsForResource,
    TagLogGroup: tagLogGroup,
    UntagLogGroup: untagLogGroup,
    ListTagsLogGroup: listTagsLogGroup,
    CreateLogStream: createLogStream,
    DeleteLogStream: deleteLogStream,
    DescribeLogStreams: describeLogStreams,
    PutLogEvents: putLogEvents,
    GetLogEvents: getLogEvents,
    FilterLogEvents: filterLogEvents,
    PutMetricFilter: putMetricFilter,
    DeleteMetricFilter: deleteMetricFilter,
    DescribeMetricFilters: describeMetricFilters,
  },
  unsupported: {
    CreateLogGroup: ["kmsKeyId"],
    DescribeLogGroups: ["accountIdentifiers", "includeLinkedAccounts"],
    ListLogGroups: [
      "accountIdentifiers",
      "includeLinkedAccounts",
      "dataSources[]",
      "fieldIndexNames[]",
      "logGroupTags[]",
    ],
    PutLogEvents: ["entity"],
    GetLogEvents: ["unmask"],
    FilterLogEvents: ["unmask"],
    PutMetricFilter: ["applyOnTransformedLogs", "fieldSelectionCriteria", "emitSystemFieldDimensions[]"],
  },
  permissions: {
    CreateLogGroup: onGroup("CreateLogGroup"),
    DeleteLogGroup: onGroup("DeleteLogGroup"),
    DescribeLogGroups: (_input, at) => ({
      action: "logs:DescribeLogGroups",
      resource: `${groupArn(at, "")}:log-stream:*`,
    }),
    PutLogGroupDeletionProtection: onGroup("PutLogGroupDeletionProtection"),
    PutRetentionPolicy: onGroup("PutRetentionPolicy"),
    DeleteRetentionPolicy: onGroup("DeleteRetentionPolicy"),
    TagResource: onResource("TagResource"),
    UntagResource: onResource("UntagResource"),
    ListTagsForResource: onResource("ListTagsForResource"),
    TagLogGroup: onGroup("TagLogGroup"),
    UntagLogGroup: onGroup("UntagLogGroup"),
    ListTagsLogGroup: onGroup("ListTagsLogGroup"),
    CreateLogStream: onGroup("CreateLogStream"),
    DeleteLogStream: onStream("DeleteLogStream"),
    DescribeLogStreams: onGroup("DescribeLogStreams"),
    PutLogEvents: onStream("PutLogEvents"),
    GetLogEvents: onStream("GetLogEvents"),
    FilterLogEvents: onGroup("FilterLogEvents"),
    PutMetricFilter: onGroup("PutMetricFilter"),
    DeleteMetricFilter: onGroup("DeleteMetricFilter"),
  },
  hears: {
    [GROUP_DELETED]: { operation: removeGroup },
    [STREAM_DELETED]: { operation: removeStream },
    [RETENTION_DUE]: { operation: sweepExpired },
  },
  resources,
});
