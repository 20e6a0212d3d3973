import { defineService } from "../service.ts";

export const sqs = defineService<"sqs">({ name: "sqs", operations: {} });
