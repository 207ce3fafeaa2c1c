import { complaints, step } from "./step.mjs";

export const lint = () => step("lint", () => complaints("oxlint/bin/oxlint", ["--deny-warnings"]));
