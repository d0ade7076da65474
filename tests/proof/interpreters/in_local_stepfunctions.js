// Runs stories in aws-local-stepfunctions. Reads a list of stories, each with its definition, and writes what came
// of each.
// What it does otherwise than AWS, and is put right here, is in docs/decisions/024-three-interpreters.md.

const { StateMachine } = require("aws-local-stepfunctions");
const CAUSE_OF = "Cause of ";
const turn = () => new Promise(setImmediate);

function tasks(machine, kind) {
  return Object.entries(machine.States).flatMap(([name, state]) => [
    ...(state.Type === kind ? [name] : []),
    ...[...(state.Branches ?? []), ...(state.ItemProcessor ? [state.ItemProcessor] : [])].flatMap((inner) => tasks(inner, kind)),
  ]);
}

function failure(answer) {
  const error = new Error(answer.cause);
  error.name = answer.fails;
  return error;
}

async function told(story) {
  const { definition } = story;
  const path = [], requests = [], seen = {}, answered = {};
  let waiting = [];
  const see = (state) => {
    seen[state] = (seen[state] ?? 0) + 1;
    waiting = waiting.filter(([awaited, times, go]) => !(seen[awaited] >= times && (go(), true)));
  };
  const next = (state, who, answers) => {
    const key = JSON.stringify([state, who]);
    const number = answered[key] ?? 0;
    answered[key] = number + 1;
    return answers?.[number] ?? { fails: "Unscripted", cause: `${state}: request ${number + 1} of ${who}` };
  };
  const handler = (state) => async (request) => {
    await turn(); // both branches begin, and the log is written
    const who = String(request.JobName ?? request.Key ?? request.Payload?.worker ?? "");
    requests.push([state, who, structuredClone(request)]);
    see(state);
    const answer = next(state, who, story.answers[state]?.[who]);
    if (answer.fails) throw failure(answer);
    if (answer.after && !(seen[answer.after[0]] >= answer.after[1])) {
      await new Promise((go) => waiting.push([...answer.after, go]));
    }
    await turn();
    return structuredClone(answer.returns);
  };
  const items = {};
  for (const name of tasks(definition, "Map")) {
    Object.defineProperty(items, name, {
      enumerable: true,
      get: () => {
        const answer = next(name, "", story.items[name]);
        if (answer.fails) throw failure(answer);
        return structuredClone(answer.returns);
      },
    });
  }
  const execution = new StateMachine(definition, { validationOptions: { noValidate: true } }).run(story.input, {
    overrides: {
      taskResourceLocalHandlers: Object.fromEntries(tasks(definition, "Task").map((name) => [name, handler(name)])),
      waitTimeOverrides: Object.fromEntries(tasks(definition, "Wait").map((name) => [name, story.time_passes ? 0 : 60_000])),
      retryIntervalOverrides: Object.fromEntries([...tasks(definition, "Task"), ...tasks(definition, "Map")].map((name) => [name, 0])),
    },
    context: { Execution: { Name: "story" }, State: { EnteredTime: "2026-11-23T05:30:12.345Z" }, Items: items },
  });
  const log = (async () => {
    for await (const event of execution.eventLogs) {
      if (event.type !== "StateEntered" || event.state.name.startsWith(CAUSE_OF)) continue;
      path.push([event.state.name, event.index ?? null]);
      if (event.state.type !== "Task") see(event.state.name);
    }
  })();
  let ended;
  try {
    ended = { output: await execution.result, error: null, cause: null };
  } catch (error) {
    ended = { output: null, error: error.cause?.name ?? error.name, cause: error.cause?.message ?? error.message };
  }
  await log;
  return { path, requests, ...ended };
}

(async () => {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const results = [];
  for (const story of JSON.parse(Buffer.concat(chunks).toString())) results.push(await told(story));
  // A job that never ends holds a timer.
  process.stdout.write(JSON.stringify(results), () => process.exit(0));
})();
