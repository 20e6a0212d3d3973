import { defineService } from "../service.ts";

export const lambda = defineService<"lambda">({ name: "lambda", operations: {} });
