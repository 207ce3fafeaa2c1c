import { complaints, step } from "./step.mjs";

export const exports = () =>
  step("exports", () => complaints("knip/bin/knip.js", ["--no-progress", "--treat-config-hints-as-errors"]));
