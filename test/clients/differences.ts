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
    edgerun: /^"(?!.*<database)/,
  },
  {
    name: 'names of runs that are too long',
    why: 'They are refused as any other name; MLflow answers BAD_REQUEST with its SQL.',
    at: [[/^a run's name may come/, /^251$/]],
    mlflow: /"error_code":"BAD_REQUEST".*<database: StringDataRightTruncation>/,
    edgerun:
      /"error_code":"INVALID_PARAMETER_VALUE".*'run_name' exceeds the maximum length of 250 characters"/,
  },
  {
    name: 'names of experiments',
    why: 'They may have the 500 characters that MLflow checks for; its table ends at 256.',
    at: [[/^names of experiments that cannot be/, /^257$/]],
    mlflow: /<database: StringDataRightTruncation>/,
    edgerun: /"experiment_id":"[^"]+"\},"status":200\}$/,
  },
  {
    name: 'runs without an experiment',
    why: 'They go to the default one; MLflow gives Postgres an empty text for its number.',
    at: [
      [/^the experiment Default/, /^run of no experiment$/],
      [/^fields of the wrong type are named: creating a run/, /^experiment_id: (null|left out)$/],
    ],
    mlflow: /<database: InvalidTextRepresentation>/,
    edgerun: /^"taken"$|"experiment_id":"0".*"status":200\}$/,
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
    name: 'page tokens that are numbers',
    why: 'MLflow drops a token of another type and begins from the start; Edgerun refuses it.',
    at: [[/^runs come in pages/, /^token number$/]],
    mlflow: /^2$/,
    edgerun: /Invalid value 5 for parameter 'page_token'/,
  },
  {
    name: 'failures of the server',
    why: 'Where MLflow breaks with 500 on what a client sent, Edgerun says what was wrong with it.',
    at: [[/./, /./]],
    mlflow: /"<500>"|"status":500/,
    edgerun: /"error_code":"(INVALID_PARAMETER_VALUE|BAD_REQUEST|RESOURCE_DOES_NOT_EXIST)"|INVALID_STATE: /,
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
    name: 'what is stored of requests that are read in part',
    why: 'What MLflow acts on then: it is there later on.',
    at: [
      [/^metrics may be NaN/, /^latest in the end › wire true$/],
      [/^metrics that cannot be/, /^(time|step) (with a fraction|beyond int64): kept › items$/],
      [/^what is wrong within a batch/, /^kept › (metrics › m|params › number|tags)$/],
      [/^inputs that cannot be/, /^kept › name ''$/],
    ],
    mlflow: /^[0-2]$|^\[\{.*"value":1\}\]$|^\["mlflow\.runName","none","number","t"\]$/,
    edgerun: /nothing|^1$|^\[\]$|^\["mlflow\.runName","none","t"\]$/,
  },
  {
    name: 'words that are none',
    why: 'MLflow takes a word that an enumeration does not have for its default; Edgerun refuses it.',
    at: [
      [/^experiments are searched by their state/, /^one that is none$/],
      [/^runs are searched by their state/, /^unknown view$/],
    ],
    mlflow: /"status":200\}$/,
    edgerun: /Invalid value \\"SOME\\" for parameter '(run_)?view_type'/,
  },
  {
    name: 'numbers that are none',
    why: 'In a query MLflow drops them, and with them the limit; Edgerun refuses them.',
    at: [[/^a long history comes in pages/, /^max_results (many|1\.5)$/]],
    mlflow: /^\[2500,false\]$/,
    edgerun: /Invalid value \\"(many|1\.5)\\" for parameter 'max_results'/,
  },
  {
    name: 'words about wrong types',
    why: 'MLflow speaks of what its parser made of the value, Edgerun of what was sent. JSON has no NaN to show.',
    at: [
      [
        /^fields of the wrong type are named: searching/,
        /^experiments, max_results: (a fraction|true) › body › message$/,
      ],
      [
        /^fields of the wrong type are named: experiments/,
        /^experiments\/create, tags: a list › body › message$/,
      ],
      [/^bodies that are no JSON/, /^NaN › body › message$/],
    ],
    mlflow: /^"Invalid value (0|NaN|\\"\\") for parameter /,
    edgerun:
      /^"Invalid value (1\.5|true|null|\[\\"x\\"\]) for parameter '\w+' supplied: {2}Hint: Value was of type/,
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
    name: 'NaN and a number in one place',
    why: 'At the same step and time NaN is the latest value, being the larger one to Postgres; MLflow has the number.',
    at: [[/^metrics may be NaN/, /^NaN and a number at one step › mixed [ab]$/]],
    mlflow: /^1$/,
    edgerun: /^"<nan>"$/,
  },
  {
    name: 'filters that are not whole',
    why: 'MLflow passes over an AND without a condition, a missing AND and an empty name; Edgerun refuses them.',
    at: [
      [
        /^filters of (runs|experiments) that cannot be/,
        /^AND| AND( AND|$)|^tags.team = 'a' tags|^metrics\.\.|^params\. /,
      ],
    ],
    mlflow: /^\[/,
    edgerun: /"error_code":"INVALID_PARAMETER_VALUE".*\(at (its end|character \d+: .*)\)"\}$/,
  },
  {
    name: 'quotes in text',
    why: "'' stands for one quote, as in SQL; MLflow looks for both.",
    at: [[/^runs are searched by tags/, /^tags\.note = 'It''s 50%_done'$/]],
    mlflow: /^\[\]$/,
    edgerun: /^\["alpha"\]$/,
  },
  {
    name: 'a richer language of orders',
    why: 'The names that a filter takes are taken by an order too, and spaces around it.',
    at: [[/^runs come in the order/, /^(name by its other name|spaces)$/]],
    mlflow: /"error_code":"INVALID_PARAMETER_VALUE"/,
    edgerun: /^\["/,
  },
  {
    name: 'a richer language of filters',
    why: 'Edgerun takes OR, NOT, parentheses, IN for any text, == and + and more names, and operators in small letters.',
    at: [[/are searched|^filters of/, /./]],
    mlflow: /"error_code":"INVALID_PARAMETER_VALUE"/,
    edgerun: /^\[/,
  },
  {
    name: 'a bare NaN',
    why: 'MLflow stores a bare NaN or Infinity of JSON, and the text "nan", as 0; Edgerun keeps it.',
    at: [
      [/^answers do not depend/, /^values › [mn]$/],
      [/^metrics may be NaN/, /^latest in the end › wire text nan$/],
    ],
    mlflow: /^0$/,
    edgerun: /^"<(nan|-inf)>"$/,
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
    name: 'ends of runs that run',
    why: 'A run that runs has no end, as in the native API.',
    at: [[/^a run is ended|^a run is resumed|^what is found|^mlflow.search_runs/, / › end_time$/]],
    mlflow: /^(16\d{11}|"<now>")$/,
    edgerun: /^null$|nothing/,
  },
  {
    name: 'ends of runs that have ended',
    why: 'A run that has ended has an end, as in the native API: the time of the call that ended it.',
    at: [[/^a run is ended|^updates of runs/, / › end_time$/]],
    mlflow: /^(null|1600000000000)$|nothing/,
    edgerun: /^"<now>"$/,
  },
  {
    name: 'searches by ends of runs',
    why: 'One of the runs is scheduled, and so has no end.',
    at: [[/^runs are searched by attributes/, /^end_time >/]],
    mlflow: /^\["beta","delta","epsilon"\]$/,
    edgerun: /^\["beta","delta"\]$/,
  },
  {
    name: 'orders by ends of runs',
    why: 'As above: what has no end comes last.',
    at: [[/^runs come in the order/, /^end down › [0-3]$/]],
    mlflow: /^"(alpha|beta|delta|epsilon)"$/,
    edgerun: /^"(alpha|beta|delta|epsilon)"$/,
  },
  {
    name: 'sampled histories',
    why: 'Edgerun gives first, lowest, highest and last of equal ranges of steps: a spike stays visible.',
    at: [
      [/^a history is thinned out/, /^(3|10|320|999) of 1,000( › 1)?$|^a part$|^both: long$/],
      [/^a thinned history/, /^points$/],
    ],
    mlflow: /^(334|\[(0|100|\[0,0\])(,\d+|,\[\d+,\d+\])*,(999|200|\[297,992\])\])$/,
    // Value n of the wave is 37 n modulo 101: it is lowest at 101, 202, … and highest at 30, 131, …
    edgerun: /^(30|\[0,(8|30|2)(,\d+)*,999\]|\[101,131(,\d+)*\]|\[\[0,0\](,\[\d+,\d+\])*,\[297,992\]\])$/,
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
    mlflow: /"status":(200|404)\}$|^\[false,1\]$/,
    edgerun: /"message":"Invalid path"|nothing/,
  },
  {
    name: 'paths of artifacts',
    why: 'What means the same is taken for the same: `.` and empty parts are left out.',
    at: [
      [/^artifacts are listed/, /^path (d\/\/|\.) › body › files › \d › path$/],
      [/^no path leads out/, /^GET b\/\.\/NAME › body › message$|^PUT b\/\.\/NAME$/],
    ],
    mlflow:
      /^"(d\/\/a\.txt|\.\/(d|empty)|No such artifact: 'b\/\.\/escapes')"$|Invalid artifact path: 'b\/\.'/,
    edgerun: /^"(d\/a\.txt|d|empty|No such artifact: 'b\/escapes')"$|"status":200\}$/,
  },
  {
    name: 'errors of artifacts',
    why: 'They come in one form, with an error_code, and name the parameter that is missing.',
    at: [
      [/^artifacts are sent/, /^folder › body$/],
      [/^get-artifact/, /^get without a path › body$|^get without a run$/],
    ],
    mlflow: /^\{"detail":"Artifact path refers to a directory|^"<page>"$|Run with id=None not found/,
    edgerun:
      /"error_code":"INVALID_PARAMETER_VALUE","message":"(Artifact path refers|Missing value for required)/,
  },
  {
    name: 'files and folders of one name',
    why: 'An object store has no folders, so that both may be there; on a disk MLflow fails.',
    at: [[/^artifacts are sent/, /^(over a folder|below a file|both)$/]],
    mlflow: /"status":500\}$|^\[\["file\.txt",false\],\["folder",true\],\["folder\/within\.txt",false\]\]$/,
    edgerun: /^\{"body":"","status":200\}$|^\[\["file\.txt",false\],\["file\.txt",true\],.*\]$/,
  },
  {
    name: 'folders that were emptied',
    why: 'An object store has no folders: one is gone with the last file below it.',
    at: [[/^artifacts are sent/, /^after$/]],
    mlflow: /^\[\["deep",true,null\],\["empty\.bin",false,null\]\]$/,
    edgerun: /^\[\["empty\.bin",false,null\]\]$/,
  },
  {
    name: 'addresses of files',
    why: 'Asked where to fetch a file, Edgerun names its own address; MLflow has one only with a cloud store.',
    at: [[/^where files cannot/, /^presigned$/]],
    mlflow: /"error_code":"NOT_IMPLEMENTED"/,
    edgerun: /"url":"<server>\/api\/2\.0\/mlflow-artifacts\/artifacts\/.*\/x\.bin"\},"status":200\}$/,
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
    name: 'NaN of logged models',
    why: 'Of a metric of a model MLflow keeps 0 in place of NaN; Edgerun keeps what was sent.',
    at: [[/^runs log metrics for models/, /^metrics › \d › value$/]],
    mlflow: /^0$/,
    edgerun: /^"<nan>"$/,
  },
  {
    name: 'datasets of one point',
    why: 'The value that a metric of a model has on another dataset is a point of its own.',
    at: [[/^runs log metrics for models/, /^(another dataset at one time|of the other dataset)$/]],
    mlflow: /<database: UniqueViolation>|^\[\]$/,
    edgerun: /^null$|^\[\{"dataset_digest":"d3","dataset_name":"more","key":"acc".*"value":0\.6\}\]$/,
  },
  {
    name: 'datasets without a digest',
    why: 'A dataset that is asked for by its name alone is found by it; MLflow looks for one whose digest is null.',
    at: [[/^logged models are searched/, /^dataset (train|both)$/]],
    mlflow: /^\[("beta")?\]$/,
    edgerun: /^\["alpha","beta"\]$/,
  },
  {
    name: 'NaN in an order of models',
    why: 'It comes last, as in an order of runs.',
    at: [[/^logged models come in the order/, /^acc of (train|a digest alone) › [0-2]$/]],
    mlflow: /^"(gamma|beta|alpha)"$/,
    edgerun: /^"(beta|alpha|gamma)"$/,
  },
  {
    name: 'hosts of sources',
    why: 'The same is refused, without the hint at a variable that Edgerun does not have.',
    at: [[/^versions that cannot be/, /^up on http › body › message$/]],
    mlflow: /'https' scheme.* Set the MLFLOW_ALLOWED_HOST_ADDRESSED_ARTIFACT_SCHEMES environment variable/,
    edgerun: /'https' scheme.*the server would connect to the host named in the URI\."$/,
  },
  {
    name: 'the tag of a name',
    why: 'A run has one name: without the tag mlflow.runName it has none. In MLflow there are two that part.',
    at: [[/^a run's name may come/, /^tag of its name deleted › info › run_name$/]],
    mlflow: /^"fourth"$/,
    edgerun: /^""$/,
  },
  {
    name: 'ids in capitals',
    why: 'The digits of an id may be written large.',
    at: [[/^runs that do not exist/, /^capitals$/]],
    mlflow: /"error_code":"RESOURCE_DOES_NOT_EXIST"/,
    edgerun: /"run_id":"<run \d+>"/,
  },
  {
    name: 'the old name of run_id',
    why: 'run_uuid is taken wherever run_id is; MLflow takes it in half of the calls.',
    at: [[/^run_uuid does as run_id/, /^other: /]],
    mlflow:
      /Invalid value \\"\\" for parameter 'run_id'|Run with id= not found|^\[\{\},"active"\]$|nothing|^"active"$/,
    edgerun: /^\{"body":\{\},"status":200\}$|^"1"$|^"deleted"$/,
  },
  {
    name: 'names in camel case',
    why: 'runId is a field that nobody knows, and is passed over; MLflow sees that it is run_id, and refuses both at once.',
    at: [[/^fields that nobody knows/, /^both spellings$|^run › data › tags › k$/]],
    mlflow: /Request specifies both 'run_id' and 'runId'|nothing/,
    edgerun: /^\{"body":\{\},"status":200\}$|^"v"$/,
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
    why: 'Null is a field left out, as protobuf reads JSON; MLflow breaks on it in place of a list or of max_results.',
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
    name: 'bodies of GET',
    why: 'A GET is read from its query. MLflow reads a body too; no client sends one.',
    at: [[/^bodies that are no JSON/, /^GET with a body$/]],
    mlflow: /^200$/,
    edgerun: /^400$/,
  },
  {
    name: 'an empty Content-Type',
    why: 'The runtime does not tell it from a missing one, and the message speaks of that.',
    at: [[/^bodies that are no JSON/, /^as none › body › message$/]],
    mlflow: /Content-Type must be one of/,
    edgerun: /Content-Type header is missing/,
  },
  {
    name: 'methods that are not',
    why: 'A route and its method are one thing to Edgerun: 404 for both.',
    at: [[/^what is not there, and methods/, /./]],
    mlflow: /^405$/,
    edgerun: /^404$/,
  },
  {
    name: 'features of the server',
    why: 'Edgerun names none that it does not have, and no kind of store.',
    at: [
      [
        /^a server says/,
        /^server-info.* › body › (features_enabled|presigned_upload_(model|run)_id_supported|store_type)$/,
      ],
    ],
    mlflow: /^(\{"gateway":true\}|true|"SqlStore")$/,
    edgerun: /^null$|nothing/,
  },
  {
    name: 'the probe of health',
    why: 'It is that of the native API, in JSON; clients look at its status.',
    at: [[/^a server says that it is well/, /health/]],
    mlflow: /^"(OK|text\/plain)"$/,
    edgerun: /^\{"status":"ok"\}$|^"application\/json"$/,
  },
]
