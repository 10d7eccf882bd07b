// A client whose types openapi-typescript generates from the description: `generated.mjs URL DESCRIPTION`.
//
// Generates `schema.ts` beside this file, compiles it with `client.ts` under `strict`, and runs the client.

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { argv, execPath, exit } from "node:process";

import openapiTS, { astToString } from "openapi-typescript";

const [url, description] = argv.slice(2);
const types = await openapiTS(JSON.parse(readFileSync(description, "utf8")), { alphabetize: false });
writeFileSync("schema.ts", astToString(types));

for (const command of [["node_modules/typescript/bin/tsc", "--project", "."], ["client.js", url]]) {
  const { status } = spawnSync(execPath, command, { stdio: "inherit" });
  if (status !== 0) {
    exit(1);
  }
}
