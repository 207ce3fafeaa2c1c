import { complaints, step } from "./step.mjs";

export const types = () =>
  step("types", () => complaints("typescript/bin/tsc", ["-p", "tsconfig.json", "--pretty", "false"]));
