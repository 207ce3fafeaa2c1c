import { rmSync } from "node:fs";
import { runSteps } from "../../setup/step.mjs";
import { baseStep, baseTar } from "../base/base-tar.mjs";
import { optionsOf } from "./options.mjs";

/** @param {readonly string[]} args */
export async function base(args) {
  const { fresh } = optionsOf(args, { fresh: { type: "boolean" } });
  if (fresh) rmSync(baseTar(), { force: true });
  await runSteps([baseStep]);
  return [baseTar()];
}
