import { defineService } from "../service.ts";

export const logs = defineService<"logs">({ name: "logs", operations: {} });
