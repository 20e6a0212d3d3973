/** DynamoDB Streams: the API that reads what `dynamodb` writes about changed items. */
import type { Streams } from "../dynamodb-common/ports.ts";
import { parseShardIterator } from "../dynamodb-common/positions.ts";
import { defineService, type Permission, type Service } from "../service.ts";
import { getRecords, getShardIterator } from "./records.ts";
import { describeStream, listStreams } from "./streams.ts";

const onStream = (action: string, arn: string | undefined): Permission => ({
  action: `dynamodb:${action}`,
  resource: arn ?? "*",
});

export function createDynamodbstreams(streams: Streams): Service<"dynamodbstreams"> {
  return defineService<"dynamodbstreams">({
    name: "dynamodbstreams",
    operations: {
      DescribeStream: describeStream(streams),
      GetRecords: getRecords(streams),
      GetShardIterator: getShardIterator(streams),
      ListStreams: listStreams(streams),
    },
    permissions: {
      DescribeStream: ({ StreamArn }) => onStream("DescribeStream", StreamArn),
      GetRecords: ({ ShardIterator }) => onStream("GetRecords", parseShardIterator(ShardIterator ?? "")?.streamArn),
      GetShardIterator: ({ StreamArn }) => onStream("GetShardIterator", StreamArn),
      ListStreams: ({ TableName }, { accountId, region }) =>
        onStream("ListStreams", TableName && `arn:aws:dynamodb:${region}:${accountId}:table/${TableName}/stream/*`),
    },
  });
}
