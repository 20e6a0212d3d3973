/** The Lambda function: takes messages off the queue and reports those that must be delivered again. */
import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  PutItemCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { SESv2Client, SendEmailCommand } from "@aws-sdk/client-sesv2";
import { ChangeMessageVisibilityCommand, SQSClient } from "@aws-sdk/client-sqs";
import { InProgress, type Ports, process as processSubmission } from "./process.ts";
import { InvalidSubmission, readSubmission, submissionId } from "./submission.ts";

interface QueueEvent {
  readonly Records: readonly { readonly messageId: string; readonly receiptHandle: string; readonly body: string }[];
}

interface Context {
  getRemainingTimeInMillis(): number;
}

interface BatchResponse {
  readonly batchItemFailures: { readonly itemIdentifier: string }[];
}

const dynamodb = new DynamoDBClient({});
const ses = new SESv2Client({});
const sqs = new SQSClient({});

const environment = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`The environment variable ${name} is missing`);
  return value;
};
const queueUrl = environment("QUEUE_URL");
const tableName = environment("TABLE_NAME");
const senderAddress = environment("SENDER_ADDRESS");
const recipientAddress = environment("RECIPIENT_ADDRESS");

const ports: Ports = {
  nowMs: () => Date.now(),

  async claim(id, submission, nowMs, leaseUntilMs) {
    try {
      await dynamodb.send(
        new PutItemCommand({
          TableName: tableName,
          Item: {
            id: { S: id },
            state: { S: "pending" },
            name: { S: submission.name },
            email: { S: submission.email },
            message: { S: submission.message },
            receivedAt: { S: new Date(nowMs).toISOString() },
            leaseUntilMs: { N: String(leaseUntilMs) },
          },
          ConditionExpression: "attribute_not_exists(id) OR (#state = :pending AND leaseUntilMs < :now)",
          ExpressionAttributeNames: { "#state": "state" },
          ExpressionAttributeValues: { ":pending": { S: "pending" }, ":now": { N: String(nowMs) } },
          ReturnValuesOnConditionCheckFailure: "ALL_OLD",
        }),
      );
      return { state: "claimed" };
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      if (error.Item?.["state"]?.S === "mailed") return { state: "mailed" };
      return { state: "pending", leaseUntilMs: Number(error.Item?.["leaseUntilMs"]?.N ?? nowMs) };
    }
  },

  async mail({ subject, replyTo, text }) {
    const { MessageId } = await ses.send(
      new SendEmailCommand({
        FromEmailAddress: senderAddress,
        Destination: { ToAddresses: [recipientAddress] },
        ReplyToAddresses: [replyTo],
        Content: {
          Simple: { Subject: { Data: subject, Charset: "UTF-8" }, Body: { Text: { Data: text, Charset: "UTF-8" } } },
        },
      }),
    );
    return MessageId ?? "";
  },

  async mark(id, mailId, nowMs) {
    await dynamodb.send(
      new UpdateItemCommand({
        TableName: tableName,
        Key: { id: { S: id } },
        UpdateExpression: "SET #state = :mailed, mailId = :mailId, mailedAt = :mailedAt REMOVE leaseUntilMs",
        ExpressionAttributeNames: { "#state": "state" },
        ExpressionAttributeValues: {
          ":mailed": { S: "mailed" },
          ":mailId": { S: mailId },
          ":mailedAt": { S: new Date(nowMs).toISOString() },
        },
      }),
    );
  },
};

export async function handler(event: QueueEvent, context: Context): Promise<BatchResponse> {
  const oneAfterAnother = byKey();
  const outcomes = await Promise.all(
    event.Records.map(async ({ messageId, receiptHandle, body }) => {
      try {
        const submission = readSubmission(body);
        const outcome = await oneAfterAnother(submissionId(submission), () =>
          processSubmission(submission, ports, context.getRemainingTimeInMillis()),
        );
        console.log(JSON.stringify({ messageId, outcome }));
        return [];
      } catch (error) {
        const { name, message } = error as Error;
        console.error(JSON.stringify({ messageId, error: name, reason: message }));
        // Waiting will not make it valid: offer it again at once, so that it soon reaches the dead-letter queue.
        if (error instanceof InvalidSubmission) await offerAgain(receiptHandle, 0);
        // Whoever works on it is done, or given up, when the lease ends.
        if (error instanceof InProgress) await offerAgain(receiptHandle, Math.ceil(error.retryAfterMs / 1000) + 1);
        return [{ itemIdentifier: messageId }];
      }
    }),
  );
  return { batchItemFailures: outcomes.flat() };
}

/** Runs tasks of the same key in turn, so that a double click in one batch does not wait for its own lease. */
function byKey(): <T>(key: string, task: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return (key, task) => {
    const run = (last.get(key) ?? Promise.resolve()).then(task, task);
    last.set(key, run);
    return run;
  };
}

async function offerAgain(receiptHandle: string, afterSeconds: number): Promise<void> {
  try {
    await sqs.send(
      new ChangeMessageVisibilityCommand({
        QueueUrl: queueUrl,
        ReceiptHandle: receiptHandle,
        VisibilityTimeout: afterSeconds,
      }),
    );
  } catch (error) {
    // It comes back by itself after the queue's visibility timeout.
    console.error(JSON.stringify({ error: (error as Error).name, reason: (error as Error).message }));
  }
}
