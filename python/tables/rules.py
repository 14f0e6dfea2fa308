# SPDX-License-Identifier: Apache-2.0
"""The known names: the judgement of people, from which generate.py makes the table.

``reads`` are calls whose reads and looks at files are observed in the worker; ``native`` are readers that
Python does not see. Calls that draw from a global generator are observed by the state of that generator,
calls that connect or start processes by Python's own events; these are refused all the same where a name
says so, because then nobody has to compute them first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

PACKAGES = [
    "numpy", "pandas", "pyarrow", "scipy", "sklearn", "joblib", "lightgbm", "xgboost", "onnxruntime", "PIL",
    "requests", "urllib3", "httpx", "yaml", "dateutil", "pytz", "regex", "lxml", "bs4", "networkx", "sympy",
    "statsmodels", "shapely", "polars", "duckdb", "pydantic", "attr", "orjson", "msgpack", "cryptography",
    "rapidfuzz", "Levenshtein", "jellyfish", "phonenumbers", "faker", "tqdm", "psutil", "nltk", "unidecode",
    "jinja2", "zstandard", "toolz", "simplejson", "tabulate",
]  # fmt: skip

NAME = re.compile(r"[A-Za-z]\w*")

# In order; the first that matches the whole dotted name counts.
_RULES: list[tuple[str, str]] = [
    # -- what is harmless in modules that are not
    ("pure", r"time\.(sleep|struct_time|strptime|mktime|timezone|altzone|daylight|tzname)"),
    ("pure", r"uuid\.(UUID|uuid3|uuid5|NAMESPACE_\w+|SafeUUID)"),
    (
        "pure",
        r"os\.(sep|altsep|extsep|pathsep|linesep|curdir|pardir|devnull|name|fspath|fsencode|fsdecode|PathLike|strerror|error)",
    ),
    (
        "pure",
        r"(os\.path|posixpath|ntpath)\.(join|basename|dirname|split|splitext|splitdrive|splitroot|normpath|normcase|commonprefix|commonpath|isabs|isreserved|sep|altsep|curdir|pardir|extsep|defpath|devnull|pathsep)",
    ),
    (
        "pure",
        r"sys\.(maxsize|float_info|int_info|hash_info|maxunicode|byteorder|intern|float_repr_style|version_info|version|hexversion|implementation|getdefaultencoding|getrecursionlimit|getsizeof|platform|exc_info|exception)",
    ),
    (
        "pure",
        r"(io|_io)\.(StringIO|BytesIO|TextIOWrapper|BufferedReader|BufferedWriter|BufferedRandom|BytesIOBase|IOBase|RawIOBase|BufferedIOBase|TextIOBase|UnsupportedOperation|SEEK_\w+|DEFAULT_BUFFER_SIZE|IncrementalNewlineDecoder|text_encoding)",
    ),
    ("pure", r"pathlib\.Pure\w*Path(\..*)?"),
    ("pure", r"urllib\.parse(\..*)?|http\.(HTTPStatus|HTTPMethod|cookies)(\..*)?|urllib\.error(\..*)?"),
    ("pure", r"ctypes\.(c_\w+|sizeof|Structure|Union|Array|BigEndianStructure|LittleEndianStructure)"),
    (
        "pure",
        r"inspect\.(cleandoc|isfunction|isclass|ismethod|isbuiltin|ismodule|signature|Signature|Parameter|getdoc|unwrap)",
    ),
    ("pure", r"threading\.(Lock|RLock|local|Condition|Semaphore|BoundedSemaphore|Event)"),
    (
        "pure",
        r"sqlite3\.(Binary|Date|Time|Timestamp|complete_statement|\w*Error|Warning|Row|register_\w+|PARSE_\w+|sqlite_version\w*)",
    ),
    (
        "pure",
        r"(zipfile|tarfile)\.(BadZipFile|LargeZipFile|ZipInfo|ZIP_\w+|TarError|ReadError|CompressionError|TarInfo)",
    ),
    ("pure", r"numpy\.interp"),
    ("pure", r"(statistics|fractions|decimal|numbers)(\..*)?"),
    (
        "pure",
        r"random\.(Random)|numpy\.random(\.\w+)?\.(RandomState|default_rng|Generator|SeedSequence|MT19937|PCG64|PCG64DXSM|Philox|SFC64|BitGenerator)",
    ),
    ("pure", r"locale\.(LC_\w+|Error|normalize)"),
    (
        "pure",
        r"logging\.(getLogger|Logger|LoggerAdapter|Formatter|Filter|NullHandler|DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL|FATAL|NOTSET|debug|info|warning|error|critical|exception|log|getLevelName)",
    ),
    (
        "pure",
        r"asyncio\.(run|gather|Queue|Lock|Event|Semaphore|wait_for|iscoroutinefunction|CancelledError|TimeoutError)",
    ),
    (
        "pure",
        r"concurrent\.futures\.(ThreadPoolExecutor|Future|as_completed|wait|TimeoutError|CancelledError)",
    ),
    ("pure", r"multiprocessing\.(TimeoutError|ProcessError)"),
    ("pure", r"importlib\.(metadata\.PackageNotFoundError|util\.find_spec)"),
    (
        "pure",
        r"email(\.(message|policy|parser|header|charset|encoders|errors|contentmanager|headerregistry|mime.*|iterators))?(\..*)?",
    ),
    ("settings", r"numpy\.(seterr\w*|set_printoptions|setbufsize)|decimal\.setcontext"),
    ("clock", r"email\.utils\.(localtime|formatdate|format_datetime|make_msgid)"),
    (
        "pure",
        r"email(\..*)?|mimetypes\.(guess_\w+)|html(\..*)?|xml\.(sax\.saxutils|dom\.minidom\.parseString|etree\.ElementTree\.(fromstring|XML|tostring|Element|SubElement))",
    ),
    # -- observed in the worker
    (
        "reads",
        r"(builtins|io|_io|codecs|gzip|bz2|lzma|zipfile|tarfile|tokenize)\.(open|open_code|FileIO|ZipFile|PyZipFile|TarFile|GzipFile|BZ2File|LZMAFile|is_zipfile|is_tarfile|Path)",
    ),
    (
        "reads",
        r"(os\.path|posixpath|genericpath)\.(exists|isfile|isdir|getsize|realpath|abspath|lexists|islink)",
    ),
    ("process", r"(os\.path|posixpath)\.expanduser|pathlib\.(Path|PosixPath)\.home"),
    ("reads", r"pathlib\.(Path|PosixPath)"),
    (
        "reads",
        r"(fileinput|linecache)\.\w+|json\.load|pickle\.(load|Unpickler)|csv\.\w+|configparser\.\w+|tomllib\.load|plistlib\.load|marshal\.load|wave\.\w+",
    ),
    (
        "reads",
        r"importlib\.resources(\.\w+)*|pkgutil\.get_data|gettext\.\w+|zoneinfo\.(ZoneInfo|ZoneInfoNotFoundError)",
    ),
    ("reads", r"xml\.etree\.ElementTree\.(parse|iterparse|ElementTree)|xml\.dom\.minidom\.parse"),
    (
        "reads",
        r"numpy(\.lib\.npyio)?\.(load|loadtxt|genfromtxt|fromfile|memmap|fromregex)|numpy\.lib\.format\.\w+",
    ),
    (
        "reads",
        r"pandas\.(read_csv|read_table|read_json|read_pickle|read_fwf|read_xml|read_html|read_excel|ExcelFile)",
    ),
    (
        "reads",
        r"joblib\.(load|hash)|joblib\.numpy_pickle\.load|scipy\.io\.(loadmat|wavfile\.read|mmread|whosmat)|scipy\.sparse\.load_npz",
    ),
    (
        "reads",
        r"(lightgbm|xgboost)\.(Booster|\w+\.Booster)|xgboost\.(XGB\w+)|onnxruntime(\.capi\.onnxruntime_inference_collection)?\.InferenceSession",
    ),
    (
        "reads",
        r"PIL\.Image\.open|yaml\.(load|safe_load|load_all|safe_load_all|full_load)|networkx\.read_\w+|sklearn\.datasets\.load_\w+|nltk\.(data\.load|corpus(\..*)?|\w*tokenize|pos_tag|download)",
    ),
    ("reads", r"(dateutil\.tz\.(gettz|tzfile|tzlocal|UTC)|dateutil\.zoneinfo\.\w+|pytz\.\w+)"),
    # -- readers that Python does not see
    ("native", r"pyarrow\.(memory_map|OSFile|MemoryMappedFile|input_stream|output_stream|create_memory_map)"),
    ("native", r"pyarrow\.(parquet|csv|json|feather|orc|dataset|fs|flight|cuda|substrait)(\..*)?"),
    (
        "native",
        r"pandas\.(read_parquet|read_feather|read_orc|read_hdf|HDFStore|read_sas|read_stata|read_spss)",
    ),
    ("native", r"lxml\.(etree|html|objectify)\.(parse|iterparse|XMLSchema|RelaxNG|XSLT|DTD)"),
    (
        "native",
        r"polars\.(read_\w+|scan_\w+|sink_\w+)|duckdb\.(connect|sql|query|execute|read_\w+|from_\w+|default_connection|cursor|table|DuckDBPyConnection)",
    ),
    ("native", r"lightgbm\.(Dataset|\w+\.Dataset)|xgboost\.(DMatrix|QuantileDMatrix)|shapely\.io\.\w+"),
    (
        "native",
        r"(ssl|_ssl)\.(create_default_context|SSLContext|get_default_verify_paths|get_server_certificate)",
    ),
    # -- clocks
    (
        "clock",
        r"time\.\w+|sched(\..*)?|timeit(\..*)?|_datetime\.\w+\.(now|today|utcnow)|datetime\.(datetime|date)\.(now|today|utcnow)",
    ),
    ("clock", r"pandas\.(Timestamp|Period|_libs\.tslibs\.\w+\.\w+)\.(now|today|utcnow)"),
    (
        "clock",
        r"dateutil\.(utils\.today|parser\.(parse|parser)\.now)|calendar\.(TextCalendar|HTMLCalendar)\.formatnow",
    ),
    ("clock", r"(trace|profile|cProfile|pstats)(\..*)?"),
    # -- random
    (
        "random",
        r"(secrets|uuid|faker)(\..*)?|os\.(urandom|getrandom)|random\.\w+|numpy\.random\.\w+|tempfile\.mktemp",
    ),
    (
        "random",
        r"(cryptography\.fernet\.Fernet\.generate_key|cryptography\.hazmat\..*generate.*|ssl\.RAND_\w+|hmac\.new_nonce)",
    ),
    (
        "random",
        r"scipy\.stats\.(random_correlation|random_table)|sympy\.(random\w*|core\.random\.\w+)|networkx\.(gnp_random_graph|\w*random\w*)",
    ),
    ("random", r"polars\.\w+\.(sample|shuffle)|duckdb\.random"),
    # -- network
    (
        "network",
        r"(socket|socketserver|select|selectors|ssl|http|urllib|ftplib|smtplib|imaplib|poplib|nntplib|telnetlib|xmlrpc|webbrowser|wsgiref|cgi)(\..*)?",
    ),
    (
        "network",
        r"(requests|urllib3|httpx)\.(get|post|put|patch|delete|head|options|request|Session|session|Client|AsyncClient|stream|PoolManager|HTTPConnectionPool|HTTPSConnectionPool|connection_from_url|proxy_from_url|ProxyManager|api|sessions|adapters)(\..*)?",
    ),
    (
        "network",
        r"(nltk\.downloader|sklearn\.datasets\.fetch_\w+|seaborn\.load_dataset|statsmodels\.datasets\.get_rdataset)(\..*)?",
    ),
    # -- the process and the machine
    (
        "process",
        r"(os|posix|nt|sys|signal|resource|threading|_thread|multiprocessing|concurrent|asyncio|subprocess|platform|getpass|gc|atexit|contextvars|tracemalloc|pwd|grp|spwd|pty|tty|termios|fcntl|psutil|faulthandler|site|sysconfig|syslog|curses|readline|rlcompleter|locale|warnings\.\w*filter\w*|weakref\.finalize|crypt|msvcrt|winreg|winsound|errno\.never)(\..*)?",
    ),
    (
        "process",
        r"(inspect\.(stack|currentframe|trace|getsource\w*|getfile|getmodule)|logging\.(config|handlers)(\..*)?|pandas\.(set_option|option_context|reset_option))",
    ),
    (
        "process",
        r"(joblib\.(Parallel|Memory|cpu_count|effective_n_jobs|parallel\w*|externals)|tqdm\.\w+|tqdm)(\..*)?",
    ),
    # -- files that are written, and directories
    (
        "files",
        r"(tempfile|shutil|glob|dbm|shelve|sqlite3|mailbox|netrc|mmap|filecmp|compileall|py_compile|zipapp|venv|nturl2path)(\..*)?",
    ),
    ("files", r"(os\.path|posixpath)\.\w+|zipimport(\..*)?|pyclbr(\..*)?|modulefinder(\..*)?|pkgutil(\..*)?"),
    (
        "files",
        r"(numpy\.(save|savez\w*|savetxt)|joblib\.dump|scipy\.io\.\w+|pandas\.ExcelWriter|pandas\.(to_pickle|read_sql\w*|read_clipboard|read_gbq))",
    ),
    # -- hidden
    (
        "hidden",
        r"(importlib|imp|runpy|ctypes|cffi|code|codeop|pdb|bdb|pickletools|antigravity|builtins\.(eval|exec|compile|__import__|breakpoint|input))(\..*)?",
    ),
]

_COMPILED = [(kind, re.compile(pattern)) for kind, pattern in _RULES]


def of(dotted: str) -> str | None:
    """None if no rule speaks of the name."""
    for kind, pattern in _COMPILED:
        if pattern.fullmatch(dotted):
            return kind
    return None


_TELLING = re.compile(
    r"(path|paths|file|files|fname|filename|filenames|filepath|filepath_or_buffer|path_or_buf|fp|fd|url|uri|"
    r"directory|dirname|dir|folder|now|today|seed|random_state|random_seed|rng|entropy)"
)


_SEEDS = frozenset(["seed", "random_state", "rng", "random_seed"])

# Without a seed they draw from NumPy's global generator, whose state is observed, or begin always alike.
_OBSERVED = frozenset(["sklearn", "scipy", "statsmodels", "networkx", "xgboost", "lightgbm", "pandas"])


def tells(module: str, parameters: Iterable[str]) -> bool:
    """Whether a callable takes a path, a time or a seed."""
    harmless = _SEEDS if module.partition(".")[0] in _OBSERVED else frozenset()
    return any(_TELLING.fullmatch(name) for name in parameters if name not in harmless)
