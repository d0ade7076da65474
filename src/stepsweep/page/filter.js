"use strict";
// What a person writes into the leaderboard's filter: conditions on columns, and texts. Each is a test of a trial.
const Filter = (() => {
  const COMPARE = { "=": (a, b) => a === b, "!=": (a, b) => a !== b, "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b };
  const SIGN = "<=|>=|!=|=|<|>";
  const AROUND = new RegExp(`\\s*(${SIGN})\\s*`, "g");
  const CONDITION = new RegExp(`^([a-z][a-z0-9_./@-]*)(${SIGN})(.*)$`, "i");
  const MAX_NAMED = 8;

  const isOrder = (sign) => /[<>]/.test(sign);

  // Returns the tests, and what is wrong with words that let no trial through.
  // columns: each with its name, its value of a trial, and whether all its values are numbers; of one name the first counts.
  // texts: by trial, in small letters.
  function read(written, columns, texts) {
    const words = written.replace(AROUND, "$1").split(/\s+/).filter(Boolean);
    const found = words.map((word) => condition(word, columns, texts));
    return { tests: found.map(({ test }) => test), faults: found.map(({ fault }) => fault).filter(Boolean) };
  }

  function condition(word, columns, texts) {
    const [, name, sign, wanted] = word.match(CONDITION) ?? [];
    const asText = (trial) => texts[trial].includes(word.toLowerCase());
    if (!name) return { test: asText };
    const column = columns.find((each) => each.name === name) ?? columns.find((each) => each.name.toLowerCase() === name.toLowerCase());
    if (!column) return { test: asText, fault: texts.some((_, trial) => asText(trial)) ? null : unknown(name, columns) };
    const isNumber = wanted !== "" && !Number.isNaN(Number(wanted));
    if (wanted === "") return wrong(`${column.name}${sign} lacks a value: write one behind it`);
    if (column.isNumber && !isNumber) return wrong(`${column.name} has numbers: write one behind ${sign}, not ${wanted}`);
    if (isOrder(sign) && !isNumber) return wrong(`${sign} compares numbers: write one behind it, not ${wanted}, or ${column.name}=${wanted}`);
    return { test: (trial) => holds(column.by(trial), sign, wanted) };
  }

  const wrong = (fault) => ({ test: () => false, fault });

  function holds(value, sign, wanted) {
    if (value === null || value === "") return false;
    const numbers = [Number(value), Number(wanted)];
    if (!numbers.some(Number.isNaN)) return COMPARE[sign](...numbers);
    return !isOrder(sign) && COMPARE[sign](String(value).toLowerCase(), wanted.toLowerCase());
  }

  function unknown(name, columns) {
    const names = [...new Set(columns.map((each) => each.name))].filter((each) => CONDITION.test(`${each}=`));
    const more = names.length > MAX_NAMED ? ", …" : "";
    return `There is no column ${name}: write one of ${names.slice(0, MAX_NAMED).join(", ")}${more}`;
  }

  return { read };
})();
