// The description against the rules that Redocly recommends, and Spectral's for OpenAPI: `lint.mjs DESCRIPTION`.
//
// The two libraries are what `redocly lint` and `spectral lint` run. A warning is a failure.

import { readFileSync } from "node:fs";
import { argv, exit } from "node:process";

import { createConfig, lintFromString } from "@redocly/openapi-core";
import spectral from "@stoplight/spectral-core";
import rulesets from "@stoplight/spectral-rulesets";

const source = readFileSync(argv[2], "utf8");

const redocly = await lintFromString({ source, config: await createConfig({ extends: ["recommended"] }) });

const linter = new spectral.Spectral();
linter.setRuleset({ extends: [[rulesets.oas, "recommended"]] });
const oas = await linter.run(source);

for (const { ruleId, message, location } of redocly) {
  console.error(`redocly: ${ruleId} at ${location[0]?.pointer}: ${message}`);
}
for (const { code, message, path } of oas) {
  console.error(`spectral: ${code} at ${path.join("/")}: ${message}`);
}
if (redocly.length + oas.length > 0) {
  exit(1);
}
console.log("neither linter finds anything");
