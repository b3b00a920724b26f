BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('r0006');
CREATE TABLE bodies (
	event INTEGER NOT NULL, 
	language VARCHAR NOT NULL, 
	lines JSON NOT NULL, 
	position INTEGER DEFAULT '0' NOT NULL, 
	picture VARCHAR DEFAULT '' NOT NULL, 
	CONSTRAINT pk_bodies PRIMARY KEY (event, language), 
	CONSTRAINT fk_bodies_event FOREIGN KEY(event) REFERENCES events (id)
);
INSERT INTO "bodies" VALUES(1,'en','["fall", "as of noon"]',0,'a14958fa1b61409f3facd3d989fa8f43975fefaac2bb4189db63fc8a02fb7dde');
INSERT INTO "bodies" VALUES(1,'zh','["fall", "\u622a\u81f3\u4e2d\u5348"]',1,'');
INSERT INTO "bodies" VALUES(2,'en','["a deeper fall", "as of noon"]',0,'');
INSERT INTO "bodies" VALUES(2,'zh','["a deeper fall", "\u622a\u81f3\u4e2d\u5348"]',1,'');
INSERT INTO "bodies" VALUES(3,'en','["with headlines", "as of noon"]',0,'');
INSERT INTO "bodies" VALUES(3,'zh','["with headlines", "\u622a\u81f3\u4e2d\u5348"]',1,'');
INSERT INTO "bodies" VALUES(4,'en','["quiet", "as of noon"]',0,'');
INSERT INTO "bodies" VALUES(4,'zh','["quiet", "\u622a\u81f3\u4e2d\u5348"]',1,'');
INSERT INTO "bodies" VALUES(5,'en','["taken back", "as of noon"]',0,'');
INSERT INTO "bodies" VALUES(5,'zh','["taken back", "\u622a\u81f3\u4e2d\u5348"]',1,'');
CREATE TABLE chats (
	transport VARCHAR NOT NULL, 
	chat VARCHAR NOT NULL, 
	gone BOOLEAN NOT NULL, 
	moved_to VARCHAR NOT NULL, 
	refusals INTEGER NOT NULL, 
	refused_since DATETIME, 
	CONSTRAINT pk_chats PRIMARY KEY (transport, chat)
);
INSERT INTO "chats" VALUES('telegram','-2002',1,'',0,NULL);
INSERT INTO "chats" VALUES('telegram','-2003',0,'-1002003',0,NULL);
CREATE TABLE events (
	id INTEGER NOT NULL, 
	"key" VARCHAR NOT NULL, 
	shown VARCHAR NOT NULL, 
	baskets JSON NOT NULL, 
	severity INTEGER NOT NULL, 
	session DATE NOT NULL, 
	created DATETIME NOT NULL, 
	expires DATETIME NOT NULL, 
	manner VARCHAR DEFAULT 'send' NOT NULL, 
	original INTEGER, 
	withdraws BOOLEAN DEFAULT 0 NOT NULL, 
	silenced VARCHAR DEFAULT '' NOT NULL, 
	config VARCHAR DEFAULT '' NOT NULL, 
	CONSTRAINT pk_events PRIMARY KEY (id), 
	CONSTRAINT uq_events_key UNIQUE ("key"), 
	CONSTRAINT fk_events_original FOREIGN KEY(original) REFERENCES events (id)
);
INSERT INTO "events" VALUES(1,'fall','FALL','["memory"]',3,'2026-07-02','2026-07-02 12:00:00.000000','2026-07-03 00:00:00.000000','send',NULL,0,'','0123456789ab');
INSERT INTO "events" VALUES(2,'correction','CORRECTION','["memory"]',3,'2026-07-02','2026-07-02 13:00:00.000000','2026-07-02 19:00:00.000000','edit',1,0,'','0123456789ab');
INSERT INTO "events" VALUES(3,'headlines','HEADLINES','["memory"]',3,'2026-07-02','2026-07-02 13:00:00.000000','2026-07-02 19:00:00.000000','amend',1,0,'','ba9876543210');
INSERT INTO "events" VALUES(4,'quiet','QUIET','["sox"]',1,'2026-07-02','2026-07-02 13:00:00.000000','2026-07-02 19:00:00.000000','send',NULL,0,'index is being rebuilt','0123456789ab');
INSERT INTO "events" VALUES(5,'taken back','TAKEN BACK','["memory"]',3,'2026-07-02','2026-07-02 14:00:00.000000','2026-07-02 20:00:00.000000','reply',1,1,'','0123456789ab');
CREATE TABLE judged_on (
	symbol VARCHAR NOT NULL, 
	session DATE NOT NULL, 
	close DOUBLE, 
	CONSTRAINT pk_judged_on PRIMARY KEY (symbol, session)
);
INSERT INTO "judged_on" VALUES('MU','2026-06-30',101.25);
INSERT INTO "judged_on" VALUES('MU','2026-07-01',92.5);
INSERT INTO "judged_on" VALUES('WDC','2026-06-30',55.0);
INSERT INTO "judged_on" VALUES('WDC','2026-07-01',NULL);
CREATE TABLE lease (
	name VARCHAR NOT NULL, 
	holder VARCHAR NOT NULL, 
	epoch BIGINT NOT NULL, 
	beat BIGINT NOT NULL, 
	CONSTRAINT pk_lease PRIMARY KEY (name)
);
INSERT INTO "lease" VALUES('bot','host-1',1,1);
CREATE TABLE memories (
	rule VARCHAR NOT NULL, 
	basket VARCHAR NOT NULL, 
	member VARCHAR NOT NULL, 
	against VARCHAR NOT NULL, 
	judged DATE, 
	episode VARCHAR, 
	opened DATE, 
	severity INTEGER, 
	move DOUBLE, 
	quiet INTEGER, 
	phase VARCHAR, 
	told_event VARCHAR, 
	told_session DATE, 
	told_severity INTEGER, 
	CONSTRAINT pk_memories PRIMARY KEY (rule, basket, member, against)
);
INSERT INTO "memories" VALUES('two-session fall','memory','','','2026-07-01','ABCD2','2026-06-26',3,-0.0825,2,'final','fall','2026-07-02',2);
INSERT INTO "memories" VALUES('bear market','memory','MU','','2026-07-01','ABCD3','2026-07-01',2,-0.21,0,'provisional',NULL,NULL,NULL);
INSERT INTO "memories" VALUES('payers against receivers','payers','','memory','2026-07-01',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE notes (
	id INTEGER NOT NULL, 
	basket VARCHAR NOT NULL, 
	text VARCHAR NOT NULL, 
	written DATETIME NOT NULL, 
	until DATETIME NOT NULL, 
	CONSTRAINT pk_notes PRIMARY KEY (id)
);
INSERT INTO "notes" VALUES(1,'memory','Earnings after the close','2026-07-02 12:00:00.000000','2026-07-03 12:00:00.000000');
INSERT INTO "notes" VALUES(2,'','A holiday in Seoul','2026-07-02 13:00:00.000000','2026-07-04 12:00:00.000000');
CREATE TABLE outbox (
	id INTEGER NOT NULL, 
	event INTEGER NOT NULL, 
	transport VARCHAR NOT NULL, 
	chat VARCHAR NOT NULL, 
	kind INTEGER NOT NULL, 
	language VARCHAR NOT NULL, 
	severe BOOLEAN NOT NULL, 
	state VARCHAR NOT NULL, 
	not_before DATETIME, 
	expires DATETIME NOT NULL, 
	attempts INTEGER NOT NULL, 
	unconfirmed INTEGER NOT NULL, 
	plain BOOLEAN NOT NULL, 
	message_id BIGINT, 
	reason VARCHAR NOT NULL, 
	manner VARCHAR DEFAULT 'send' NOT NULL, 
	cancelled VARCHAR DEFAULT '' NOT NULL, 
	pictured BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_outbox PRIMARY KEY (id), 
	CONSTRAINT uq_outbox_event_transport_chat UNIQUE (event, transport, chat)
);
INSERT INTO "outbox" VALUES(1,1,'telegram','-1001',1,'en',1,'sent',NULL,'2026-07-03 00:00:00.000000',0,0,0,77,'','send','',1);
INSERT INTO "outbox" VALUES(2,1,'telegram','-2001',2,'en',1,'pending','2026-07-02 12:00:01.000000','2026-07-03 00:00:00.000000',1,0,0,NULL,'nobody was reached','send','',0);
INSERT INTO "outbox" VALUES(3,1,'telegram','-2002',2,'en',1,'failed',NULL,'2026-07-03 00:00:00.000000',0,0,0,NULL,'the bot was blocked','send','',0);
INSERT INTO "outbox" VALUES(4,1,'telegram','-1002003',2,'en',1,'pending','2026-07-02 12:00:00.000000','2026-07-03 00:00:00.000000',0,0,0,NULL,'moved from -2003','send','',0);
INSERT INTO "outbox" VALUES(5,1,'telegram','-4001',2,'en',1,'uncertain','2026-07-02 12:00:20.000000','2026-07-03 00:00:00.000000',0,1,0,NULL,'the line broke','send','',0);
INSERT INTO "outbox" VALUES(6,1,'telegram','3001',3,'zh',1,'sent',NULL,'2026-07-03 00:00:00.000000',0,0,0,5,'','send','',0);
INSERT INTO "outbox" VALUES(7,3,'telegram','-1001',1,'en',1,'sending',NULL,'2026-07-02 19:00:00.000000',0,0,0,NULL,'','edit','',0);
INSERT INTO "outbox" VALUES(8,3,'telegram','-2001',2,'en',1,'pending','2026-07-02 13:00:00.000000','2026-07-02 19:00:00.000000',0,0,0,NULL,'','edit','',0);
INSERT INTO "outbox" VALUES(9,3,'telegram','-1002003',2,'en',1,'pending','2026-07-02 13:00:00.000000','2026-07-02 19:00:00.000000',0,0,0,NULL,'','edit','',0);
INSERT INTO "outbox" VALUES(10,3,'telegram','-4001',2,'en',1,'pending','2026-07-02 13:00:00.000000','2026-07-02 19:00:00.000000',0,0,0,NULL,'','edit','',0);
INSERT INTO "outbox" VALUES(11,3,'telegram','3001',3,'zh',1,'pending','2026-07-02 13:00:00.000000','2026-07-02 19:00:00.000000',0,0,0,NULL,'','edit','',0);
INSERT INTO "outbox" VALUES(12,2,'telegram','-2002',2,'en',1,'failed',NULL,'2026-07-02 19:00:00.000000',0,0,0,NULL,'the chat is gone','send','',0);
INSERT INTO "outbox" VALUES(13,5,'telegram','-1001',1,'en',1,'pending','2026-07-02 14:00:00.000000','2026-07-02 20:00:00.000000',0,0,0,NULL,'','reply','',0);
INSERT INTO "outbox" VALUES(14,5,'telegram','-4001',2,'en',1,'pending','2026-07-02 14:00:00.000000','2026-07-02 20:00:00.000000',0,0,0,NULL,'','reply','',0);
INSERT INTO "outbox" VALUES(15,5,'telegram','3001',3,'zh',1,'pending','2026-07-02 23:30:00.000000','2026-07-02 20:00:00.000000',0,0,0,NULL,'','reply','',0);
CREATE TABLE pictures (
	name VARCHAR NOT NULL, 
	content BLOB NOT NULL, 
	expires DATETIME NOT NULL, 
	CONSTRAINT pk_pictures PRIMARY KEY (name)
);
INSERT INTO "pictures" VALUES('a14958fa1b61409f3facd3d989fa8f43975fefaac2bb4189db63fc8a02fb7dde',X'89504E470D0A1A0A0000000D494844520000000200000002','2026-07-03 00:00:00.000000');
CREATE TABLE silences (
	basket VARCHAR NOT NULL, 
	until DATETIME NOT NULL, 
	reason VARCHAR NOT NULL, 
	CONSTRAINT pk_silences PRIMARY KEY (basket)
);
INSERT INTO "silences" VALUES('sox','2026-07-03 12:00:00.000000','index is being rebuilt');
CREATE TABLE subscribers (
	transport VARCHAR NOT NULL, 
	chat VARCHAR NOT NULL, 
	kind INTEGER NOT NULL, 
	since DATETIME NOT NULL, 
	language VARCHAR NOT NULL, 
	everything BOOLEAN NOT NULL, 
	lowest INTEGER NOT NULL, 
	muted_until DATETIME, 
	quiet_begin TIME, 
	quiet_end TIME, 
	zone VARCHAR NOT NULL, 
	CONSTRAINT pk_subscribers PRIMARY KEY (transport, chat)
);
INSERT INTO "subscribers" VALUES('telegram','3001',3,'2026-07-02 12:00:00.000000','zh',0,2,'2026-07-02 11:00:00.000000','22:00:00.000000','07:30:00.000000','Asia/Shanghai');
INSERT INTO "subscribers" VALUES('telegram','-4001',2,'2026-07-02 12:00:00.000000','en',1,1,NULL,NULL,NULL,'UTC');
CREATE TABLE troubles (
	state VARCHAR NOT NULL, 
	about VARCHAR NOT NULL, 
	since DATETIME NOT NULL, 
	detail VARCHAR NOT NULL, 
	CONSTRAINT pk_troubles PRIMARY KEY (state, about)
);
INSERT INTO "troubles" VALUES('stale','WDC','2026-07-02 12:00:00.000000','no close since 30 Jun');
INSERT INTO "troubles" VALUES('outage','','2026-07-02 13:00:00.000000','nobody answers');
CREATE TABLE wishes (
	transport VARCHAR NOT NULL, 
	chat VARCHAR NOT NULL, 
	basket VARCHAR NOT NULL, 
	lowest INTEGER NOT NULL, 
	muted_until DATETIME, 
	CONSTRAINT pk_wishes PRIMARY KEY (transport, chat, basket)
);
INSERT INTO "wishes" VALUES('telegram','3001','memory',1,NULL);
INSERT INTO "wishes" VALUES('telegram','3001','sox',3,'2026-07-02 21:00:00.000000');
INSERT INTO "wishes" VALUES('telegram','-4001','memory',1,NULL);
CREATE INDEX ix_events_original ON events (original) WHERE original IS NOT NULL;
CREATE INDEX ix_events_shown ON events (shown);
CREATE INDEX ix_outbox_waiting ON outbox (transport, severe DESC, kind, id, not_before) WHERE not_before IS NOT NULL;
CREATE INDEX ix_outbox_under_way ON outbox (transport, chat) WHERE state = 'sending';
CREATE INDEX ix_outbox_waiting_chat ON outbox (transport, chat, severe, id) WHERE not_before IS NOT NULL;
CREATE INDEX ix_wishes_basket ON wishes (transport, basket, lowest, chat);
COMMIT;
