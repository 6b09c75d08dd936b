// tests/runner/must_fail.mjs - the test that must fail: the runner starts it before all others and
// reports a failure of its own if one of these ways to fail counts as passed.
const ways = {
  status: () => process.exit(1),
  count: () => console.log("3 passed, 1 failed"),
  "count-then-crash": () => {
    console.log("3 passed, 0 failed");
    process.exit(1);
  },
  signal: () => process.kill(process.pid, "SIGSEGV"),
  hang: () => setInterval(() => {}, 1000),
  skip: () => {
    console.log("skipped: this is how a test says that it cannot run here");
    process.exit(77);
  },
};
ways[process.argv[2]]();
