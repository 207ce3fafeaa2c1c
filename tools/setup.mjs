import { SetupFailed } from "./setup/failure.mjs";
import { profiles } from "./setup/profiles.mjs";
import { say } from "./setup/progress.mjs";
import { runSteps } from "./setup/step.mjs";

const EX_USAGE = 64;

const name = process.argv[2] ?? "test";
const steps = profiles[name];
if (!steps) {
  say(`there is no profile ${JSON.stringify(name)}; usage: node tools/setup.mjs ${Object.keys(profiles).join("|")}`);
  process.exit(EX_USAGE);
}
try {
  await runSteps(steps);
} catch (error) {
  if (!(error instanceof SetupFailed)) throw error;
  say(error.report());
  process.exitCode = error.exitCode;
}
