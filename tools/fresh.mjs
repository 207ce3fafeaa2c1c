import { freshMachine } from "./fresh/machine.mjs";
import { EX_UNAVAILABLE, SetupFailed } from "./setup/failure.mjs";
import { profiles } from "./setup/profiles.mjs";
import { say, speakAs } from "./setup/progress.mjs";
import { runSteps } from "./setup/step.mjs";

// What follows `npm run test:fresh --` goes to `npm test` there.
const args = process.argv.slice(2);
speakAs("fresh");
try {
  await runSteps(profiles["fresh"] ?? []);
  process.exitCode = await freshMachine(args);
} catch (error) {
  if (!(error instanceof SetupFailed)) throw error;
  say(error.report());
  process.exitCode = error.exitCode || EX_UNAVAILABLE;
}
