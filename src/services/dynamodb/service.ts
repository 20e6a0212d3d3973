import { defineService } from "../service.ts";

export const dynamodb = defineService<"dynamodb">({ name: "dynamodb", operations: {} });
