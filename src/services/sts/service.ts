import { defineService } from "../service.ts";

export const sts = defineService<"sts">({ name: "sts", operations: {} });
