import { defineService } from "../service.ts";

export const ses = defineService<"ses">({ name: "ses", operations: {} });
