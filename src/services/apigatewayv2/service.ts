import { defineService } from "../service.ts";

export const apigatewayv2 = defineService<"apigatewayv2">({ name: "apigatewayv2", operations: {} });
