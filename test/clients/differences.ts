/** Where Edgerun's answers may differ from those of MLflow's own server, and why. Nothing else may. */

export interface Difference {
  name: string
  why: string
  /** Where it applies: in which scenarios, by their sentence, and at which of their paths. */
  at: [scenario: RegExp, path: RegExp][]
  /** What each of them answers there, as JSON. */
  mlflow: RegExp
  edgerun: RegExp
}

/** Each has to occur: one that does not is removed. */
export const DIFFERENCES: Difference[] = [
  {
    name: 'fields of errors',
    why: 'error_class and sqlstate came with 3.17 for Databricks; no client reads them.',
    at: [[/./, / › (error_class|sqlstate)$/]],
    mlflow: /^"/,
    edgerun: /nothing/,
  },
  {
    name: 'words of the database',
    why: 'MLflow sends the error of its driver on, with the SQL statement and its parameters.',
    at: [[/./, /message$/]],
    mlflow: /<database: \w+>"$/,
    edgerun: /^"[^<]*"$/,
  },
  {
    name: 'place in a filter',
    why: 'Edgerun says where a filter or an order is wrong; MLflow lists what its tokenizer had left over.',
    at: [[/filter|search|order|found|JSON|type|SQL/, /message$/]],
    mlflow: /Invalid|Expected|Parameter value|Search filter|Only|only supported/,
    edgerun: /\(at (its end|character \d+: .*)\)"$/,
  },
  {
    name: 'experiments without a workspace',
    why: 'Edgerun has no workspaces; the client takes a missing one for the default.',
    at: [[/./, / › workspace$/]],
    mlflow: /^"default"$/,
    edgerun: /nothing/,
  },
  {
    name: 'page tokens',
    why: 'Tokens are opaque, and those of Edgerun are cursors: what is wrong with one is said in other words.',
    at: [[/pages|are searched/, /token.* › message$/]],
    mlflow: /Invalid page token/,
    edgerun: /cursor|Invalid page token/,
  },
  {
    name: 'failures of the server',
    why: 'Where MLflow breaks with 500 on what a client sent, Edgerun says what was wrong with it.',
    at: [[/./, /./]],
    mlflow: /"<500>"|"status":500/,
    edgerun: /"error_code":"(INVALID_PARAMETER_VALUE|BAD_REQUEST|RESOURCE_DOES_NOT_EXIST)"/,
  },
  {
    name: 'requests that are read in part',
    why:
      'MLflow reads a request up to the first field of a wrong type, drops the rest, and acts on what it has: ' +
      'a point may land at another step. Edgerun refuses it.',
    at: [
      [
        /^(fields of the wrong type|metrics that|metrics may|updates of runs|what is wrong within|inputs that)/,
        /./,
      ],
    ],
    mlflow: /^"taken"$|"status":200\}$/,
    edgerun: /"error_code":"INVALID_PARAMETER_VALUE".*"status":400\}$/,
  },
  {
    name: 'infinite values',
    why: 'MLflow stores the largest double in place of an infinite one; Edgerun keeps what was sent.',
    at: [[/./, /./]],
    mlflow: /^-?1\.7976931348623157e\+308$/,
    edgerun: /^"<?-?(inf>|Infinity)"$/,
  },
  {
    name: 'minus zero',
    why: 'MLflow loses the sign of -0 on its way to Postgres.',
    at: [[/^metrics may be NaN/, /./]],
    mlflow: /^0$/,
    edgerun: /^"<-0>"$/,
  },
  {
    name: 'a richer language of filters',
    why: 'Edgerun takes OR, NOT, parentheses, IN for any text, and operators in small letters.',
    at: [[/are searched|^filters of/, /./]],
    mlflow: /"error_code":"INVALID_PARAMETER_VALUE"/,
    edgerun: /^\[/,
  },
  {
    name: 'a bare NaN',
    why: 'MLflow stores NaN in place of a number of JSON, or of the text "nan", as 0; Edgerun keeps it.',
    at: [[/^answers do not depend/, /./]],
    mlflow: /^0$/,
    edgerun: /^"<nan>"$/,
  },
  {
    name: 'ids of experiments',
    why: 'They are 32 hexadecimal digits, as those of runs, and no small numbers.',
    at: [[/^experiments that do not exist/, /^get hex$/]],
    mlflow: /must be a valid integer/,
    edgerun: /No Experiment with id=/,
  },
  {
    name: 'a name that is taken',
    why: 'Renaming to one answers as creating it does; MLflow answers BAD_REQUEST with its SQL.',
    at: [[/^names of experiments are unique/, /^renamed to it/]],
    mlflow: /"error_code":"BAD_REQUEST".*<database: UniqueViolation>/,
    edgerun: /"error_code":"RESOURCE_ALREADY_EXISTS"/,
  },
  {
    name: 'ends of runs',
    why: 'A run that runs has no end, and one that has ended has one, as in the native API.',
    at: [
      [
        /^a run is ended|^updates of runs|^a run is resumed|^what is found|^mlflow.search_runs/,
        / › end_time$/,
      ],
      [/^runs are searched by attributes/, /^end_time >/],
      [/^runs come in the order/, /^end down/],
    ],
    mlflow: /./,
    edgerun: /./,
  },
  {
    name: 'sampled histories',
    why: 'Edgerun gives first, lowest, highest and last of equal ranges of steps: a spike stays visible.',
    at: [[/^a history is thinned out|^a thinned history/, /of 1,000|^a part|^both: long|^points/]],
    mlflow: /./,
    edgerun: /./,
  },
  {
    name: 'dots in the path of a URL',
    why: 'The runtime takes them out before the Worker sees the URL: it names another place, or none.',
    at: [[/^no path leads out/, /( |\/)(\.\.|%2e%2e)(\/|$)/]],
    mlflow: /"message":"Invalid path"/,
    edgerun: /"status":(404|200)\}$/,
  },
  {
    name: 'backslashes and zero bytes in paths',
    why: 'Edgerun refuses them wherever they come; MLflow takes them for names on Linux and for paths on Windows.',
    at: [[/^no path leads out|^artifacts are listed/, /\\|%5c|%00/]],
    mlflow: /"status":(200|404)\}$/,
    edgerun: /"message":"Invalid path"/,
  },
  {
    name: 'files in parts',
    why: 'Edgerun takes files in parts; MLflow does so only with a cloud store behind it.',
    at: [[/^where files cannot|^a server says/, /^create$|multipart_uploads_enabled$/]],
    mlflow: /^(501|false)$/,
    edgerun: /^(200|true)$/,
  },
  {
    name: 'the state of logged models',
    why: 'MLflow stores it as a number and compares it with text, which Postgres refuses.',
    at: [[/^logged models are searched/, /status/]],
    mlflow: /<database: InvalidTextRepresentation>/,
    edgerun: /^\[/,
  },
  {
    name: 'what is sent twice',
    why: 'A call that is sent again has the effect of one; MLflow stumbles over a key that is there already.',
    at: [[/^(models are inputs|tags and params of logged|tags of experiments that)/, /again$|step$|twice/]],
    mlflow: /<database: UniqueViolation>/,
    edgerun: /^null$|"status":200\}$/,
  },
  {
    name: 'null',
    why: 'Null is a field left out, as protobuf reads JSON; MLflow breaks on it in lists and in max_results.',
    at: [[/^(fields of the wrong type|what is wrong within)/, /null$/]],
    mlflow: /"status":500/,
    edgerun: /^"taken"$|"status":200\}$/,
  },
  {
    name: 'bodies that are no JSON',
    why: 'MLflow takes them for empty ones and misses a field; Edgerun says what is wrong with them.',
    at: [[/^bodies that are no JSON/, /^(no JSON|half|null|bytes) › body$/]],
    mlflow: /Missing value for required parameter/,
    edgerun: /"error_code":"BAD_REQUEST"/,
  },
  {
    name: 'methods that are not',
    why: 'A route and its method are one thing to Edgerun: 404 for both.',
    at: [[/^what is not there, and methods/, /./]],
    mlflow: /^405$/,
    edgerun: /^404$/,
  },
  {
    name: 'the probe of health',
    why: 'It is that of the native API, in JSON; clients look at its status.',
    at: [[/^a server says that it is well/, /health/]],
    mlflow: /^"(OK|text\/plain)"$/,
    edgerun: /^\{"status":"ok"\}$|^"application\/json"$/,
  },
]
