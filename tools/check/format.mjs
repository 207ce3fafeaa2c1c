import { complaints, step } from "./step.mjs";

export const format = () =>
  step("format", async () => {
    const found = await complaints("@biomejs/biome/bin/biome", ["check", "--colors=off", "--max-diagnostics=20", "."]);
    return found && `${found}\nmend with: npm run format`;
  });
