/** Prints `N passed, N failed` from the JSON report of the test runner; fails when the report is missing, empty or has failures. */
import { readFileSync } from "node:fs";

const report = process.argv[2];
if (report === undefined) throw new Error("usage: node scripts/count-tests.ts REPORT.json");

/** A suite that could not even be loaded counts as one failure. */
function countTests(text: string): { passed: number; failed: number } {
  const parsed = JSON.parse(text) as { numPassedTests: number; numFailedTests: number; testResults: { status: string; assertionResults: unknown[] }[] };
  const brokenFiles = parsed.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0).length;
  return { passed: parsed.numPassedTests, failed: parsed.numFailedTests + brokenFiles };
}

let counts = { passed: 0, failed: 0 };
try {
  counts = countTests(readFileSync(report, "utf8"));
} catch (error) {
  console.error(`no test report: ${(error as Error).message}`);
}
if (counts.passed === 0) process.exitCode = 1;
if (counts.failed > 0) process.exitCode = 1;
console.log(`${counts.passed} passed, ${counts.failed} failed`);
