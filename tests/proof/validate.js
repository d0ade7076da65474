// Reads state machines, a JSON list, and writes what two validators say of each: a list of texts.

// asl-validator compiles its schemas anew for every definition, half a second each time; here once.
const ajv = require("ajv");
const Ajv = ajv.default;
let compiled;
ajv.default = function (options) {
  if (!compiled) return (compiled = new Ajv(options));
  compiled.addKeyword = () => compiled; // a keyword is added once only; formats may be again
  return compiled;
};
const validate = require("asl-validator");
const { getLanguageService, TextDocument } = require("amazon-states-language-service");

const service = getLanguageService({});

async function findings(definition) {
  const text = JSON.stringify(definition);
  const document = TextDocument.create("file:///definition.asl.json", "asl", 1, text);
  const diagnostics = await service.doValidation(document, service.parseJSONDocument(document));
  return {
    // It writes into what it is given.
    "asl-validator": validate(JSON.parse(text)).errors.map((error) => `${error["Error code"]}: ${error.Message}`),
    "amazon-states-language-service": diagnostics.map((found) => found.message),
  };
}

(async () => {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const definitions = JSON.parse(Buffer.concat(chunks).toString());
  process.stdout.write(JSON.stringify(await Promise.all(definitions.map(findings))));
})();
